"""Everything that crosses the border between the window and the engine.

Frozen, comparable, picklable dataclasses; no torch, no Qt. A *request* holds everything that
decides its result, so equal requests give equal results. An *event* is what the engine says.
"""

from engine.messages.discovering import Annotation as Annotation
from engine.messages.discovering import Axis as Axis
from engine.messages.discovering import ChannelsRequest as ChannelsRequest
from engine.messages.discovering import CompassFit as CompassFit
from engine.messages.discovering import CompassQuestion as CompassQuestion
from engine.messages.discovering import Consistency as Consistency
from engine.messages.discovering import ConsistencyQuestion as ConsistencyQuestion
from engine.messages.discovering import DiscoverRequest as DiscoverRequest
from engine.messages.discovering import Label as Label
from engine.messages.discovering import LabelAnswer as LabelAnswer
from engine.messages.discovering import Learner as Learner
from engine.messages.discovering import Pair as Pair
from engine.messages.discovering import PairAnswer as PairAnswer
from engine.messages.discovering import PairLabel as PairLabel
from engine.messages.discovering import Question as Question
from engine.messages.discovering import Reply as Reply
from engine.messages.discovering import StyleSpread as StyleSpread
from engine.messages.discovering import StylesQuestion as StylesQuestion
from engine.messages.discovering import Suggestion as Suggestion
from engine.messages.discovering import SuggestQuestion as SuggestQuestion
from engine.messages.discovering import Vocabulary as Vocabulary
from engine.messages.discovering import VocabularyQuestion as VocabularyQuestion
from engine.messages.discovering import Word as Word
from engine.messages.events import Answer as Answer
from engine.messages.events import EngineStatus as EngineStatus
from engine.messages.events import Event as Event
from engine.messages.events import Failure as Failure
from engine.messages.events import Frame as Frame
from engine.messages.events import JobUpdate as JobUpdate
from engine.messages.events import ModelOpened as ModelOpened
from engine.messages.events import ModelsListed as ModelsListed
from engine.messages.events import Thumbnail as Thumbnail
from engine.messages.jobs import ExportRequest as ExportRequest
from engine.messages.jobs import ImportRequest as ImportRequest
from engine.messages.jobs import JobRequest as JobRequest
from engine.messages.jobs import JobState as JobState
from engine.messages.jobs import QualityRequest as QualityRequest
from engine.messages.jobs import RenderRequest as RenderRequest
from engine.messages.jobs import TrainRequest as TrainRequest
from engine.messages.picturing import MatterQuestion as MatterQuestion
from engine.messages.picturing import MatterReply as MatterReply
from engine.messages.picturing import PictureEngine as PictureEngine
from engine.messages.picturing import PictureQuestion as PictureQuestion
from engine.messages.picturing import PictureRecipe as PictureRecipe
from engine.messages.picturing import PictureReply as PictureReply
from engine.messages.picturing import PictureRequest as PictureRequest
from engine.messages.picturing import PictureTask as PictureTask
from engine.messages.picturing import PictureTrainRequest as PictureTrainRequest
from engine.messages.steering import Direction as Direction
from engine.messages.steering import Edit as Edit
from engine.messages.steering import LatentPart as LatentPart
from engine.messages.steering import ModelInfo as ModelInfo
from engine.messages.steering import NoiseMode as NoiseMode
from engine.messages.steering import Space as Space
from engine.messages.steering import SteerRequest as SteerRequest
from engine.messages.steering import ThumbnailsRequest as ThumbnailsRequest
from engine.messages.values import Picture as Picture
from engine.messages.values import Vector as Vector
from models.errors import LodestoneError as LodestoneError
from models.layers import Layer as Layer
