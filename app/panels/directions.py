"""The right side of the Steer panel: a card for every direction."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QImage, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.document import Document
from app.fixed import NOTHING, applied
from app.live import Live
from app.panels.directions_hand import CardsHand
from app.state import Card, SteerState
from app.thumbnails import Thumbnails
from app.widgets.card import STRIP, DirectionCard
from app.widgets.filters import NEW, FilterBar
from app.widgets.found import FoundBanner
from app.widgets.parts import column, icon_button, label, push, row, scroll, section
from app.widgets.strip import stretch_of
from engine.messages import Direction, Edit, ModelInfo, SteerRequest

STRIP_SIZE = 64
KEY = "strip:"
BATCH = 4
"""Cards built in one go."""


class DirectionsPanel(QWidget):
    """Cards in a scrolling column; pictures are asked for the cards in sight only."""

    find_asked = Signal()
    """More directions are wanted."""

    def __init__(self, document: Document, live: Live, thumbnails: Thumbnails):
        super().__init__()
        self._document, self._thumbnails = document, thumbnails
        self._cards: dict[str, DirectionCard] = {}
        self._order: tuple[str, ...] = ()
        self._fresh: frozenset[str] = frozenset()
        self.hand = CardsHand(document, self)
        self._request: SteerRequest | None = None
        self._strips = True
        self._layout_wait = QTimer(self)
        self._layout_wait.setSingleShot(True)
        self._layout_wait.setInterval(120)
        self._layout_wait.timeout.connect(self._ask_visible)
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.setInterval(0)
        self._more.timeout.connect(self._build_more)
        self._build()
        document.changed.connect(self._changed)
        document.model_changed.connect(self._model)
        live.settled.connect(self._settled)
        thumbnails.arrived.connect(self._picture)

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.setContentsMargins(10, 12, 4, 8)
        self.title = section("Directions")
        self.strips = icon_button("film", "Show the strips of pictures", checkable=True)
        self.strips.setChecked(True)
        self.hidden = icon_button("eye-off", "Show hidden directions", checkable=True)
        self.reset = icon_button("reset", "All directions back to 0")
        self.more = push("Find…", "Find more directions (Ctrl+D)", icon="plus")
        self.more.setProperty("compact", True)
        self.more.setAccessibleName("Find directions")
        head = row(self.title, 1, self.strips, self.hidden, self.reset, self.more, spacing=2)
        head.insertSpacing(head.count() - 1, 4)
        head.setContentsMargins(2, 0, 8, 0)
        layout.addLayout(head)
        self.filters = FilterBar()
        self.banner = FoundBanner()
        holder = column(spacing=6)
        holder.setContentsMargins(0, 0, 8, 0)
        holder.addWidget(self.filters)
        holder.addWidget(self.banner)
        layout.addLayout(holder)
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(6)
        self.empty = label(
            "Directions appear here as soon as a generator is open.", "dim", wrap=True
        )
        self._column.addWidget(self.empty)
        self._column.addStretch(1)
        self._area = scroll(self._inside, "Directions")
        layout.addWidget(self._area, 1)
        self.setMinimumWidth(330)
        self.more.clicked.connect(self.find_asked)
        self.filters.changed.connect(self._filtered)
        self.banner.all.clicked.connect(self.show_all)
        self.banner.undo.clicked.connect(self._take_back)
        self.banner.close_button.clicked.connect(self._settle_found)
        self.strips.toggled.connect(self._show_strips)
        self.hidden.toggled.connect(self._show_hidden)
        self.reset.clicked.connect(self._document.reset_directions)
        self._area.verticalScrollBar().valueChanged.connect(self._scrolled)

    # -------------------------------------------------------------- document → cards

    @Slot(object)
    def _model(self, _info: ModelInfo | None) -> None:
        for card in self._cards.values():
            self._column.removeWidget(card)
            card.deleteLater()
        self._cards.clear()
        self._order = ()
        self._settle_found()
        self._request = None

    def _shown(self) -> tuple[Card, ...]:
        """The cards that are to be seen, from the top."""
        cards = self._document.visible_cards(self.hidden.isChecked())
        if not self.filters.on:
            return cards
        info = self._document.info
        return tuple(card for card in cards if self.filters.matches(card, self._fresh, info))

    @Slot(object, object)
    def _changed(self, old: SteerState, state: SteerState) -> None:
        if old.cards is not state.cards or old is state:
            listed = self._document.visible_cards(self.hidden.isChecked())
            self.filters.show_counts(listed, self._fresh)
        shown = self._shown()
        order = tuple(card.key for card in shown)
        if order != self._order:
            self._arrange(shown, order)
        before = {card.key: card for card in old.cards} if old.model == state.model else {}
        moved = {key for key, card in before.items() if state.card(key) is not card}
        for card in shown:
            widget = self._cards.get(card.key)
            if widget is None:
                continue
            if before.get(card.key) is not card:
                widget.show_card(card)
            if before.get(card.key) is not card or moved.intersection(card.fixed):
                self._show_kept(widget, card)
        hidden = sum(card.hidden for card in state.cards)
        self.title.setText(f"DIRECTIONS   {len(state.cards) - hidden}")
        self.hidden.setEnabled(hidden > 0 or self.hidden.isChecked())
        words = f"Show {hidden} hidden directions" if hidden != 1 else "Show 1 hidden direction"
        self.hidden.setToolTip(words)
        self.empty.setVisible(not shown)
        if state.model and not shown:
            self.empty.setText(
                "No direction fits the search. Clear it to see all."
                if self.filters.on
                else "No directions are shown. Find some, or take the last step back."
            )

    def _show_kept(self, widget: DirectionCard, card: Card) -> None:
        state = self._document.state
        names = [other.direction.name for key in card.fixed if (other := state.card(key))]
        widget.show_kept(tuple(names), self._applied(card)[1] if names else 1.0)

    def _applied(self, card: Card) -> tuple[Direction, float]:
        info = self._document.info
        return applied(self._document.state, card, info.num_ws if info else None)

    def _arrange(self, shown: tuple[Card, ...], order: tuple[str, ...]) -> None:
        for key in set(self._cards) - set(order):
            gone = self._cards.pop(key)
            self._column.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
            self._thumbnails.cancel(KEY + key)
        made = 0
        for index, card in enumerate(shown):
            widget = self._cards.get(card.key)
            if widget is None:
                if made == BATCH:
                    # A card takes some milliseconds to build: the rest a moment later.
                    order = order[:index]
                    self._more.start()
                    break
                widget = self._new_card(card)
                made += 1
            if self._column.indexOf(widget) != index:
                self._column.insertWidget(index, widget)
        self._order = order
        self._layout_wait.start()

    @Slot()
    def _build_more(self) -> None:
        shown = self._shown()
        self._arrange(shown, tuple(card.key for card in shown))

    def _new_card(self, card: Card) -> DirectionCard:
        widget = DirectionCard(card.key)
        info = self._document.info
        if info is not None:
            widget.set_layers(info.layers, info.num_ws)
        widget.set_strip_shown(self._strips)
        widget.show_card(card)
        self._show_kept(widget, card)
        widget.set_new(card.key in self._fresh)
        self.hand.wire(widget)
        widget.asked.connect(self._asked)
        widget.resized.connect(self._layout_wait.start)
        self._cards[card.key] = widget
        return widget

    @Slot(str, str)
    def _asked(self, key: str, verb: str) -> None:
        card, widget = self._document.state.card(key), self._cards.get(key)
        if verb == "fix" and card is not None and widget is not None:
            widget.open_fixing(card, self.hand.others(card))

    def card(self, key: str) -> DirectionCard | None:
        """The widget of a direction, when it is shown."""
        return self._cards.get(key)

    @property
    def order(self) -> tuple[str, ...]:
        """Keys of the shown cards, from the top."""
        return self._order

    # -------------------------------------------------------------- what is shown

    @Slot(object, str)
    def show_found(self, keys: tuple[str, ...], words: str) -> None:
        """Mark cards as just found and show those, with a sentence over them."""
        self._fresh = frozenset(keys)
        for key, widget in self._cards.items():
            widget.set_new(key in self._fresh)
        self.filters.search.clear()
        self._again()
        self.filters.only(NEW if keys else "")
        state = self._document.state
        found = [card.direction for key in keys if (card := state.card(key))]
        self.banner.show_found(words, found)
        self._area.verticalScrollBar().setValue(0)

    @Slot()
    def show_all(self) -> None:
        """Every card, whatever was searched for; what is new keeps its mark."""
        self.banner.hide()
        self.filters.clear()

    @Slot()
    def _settle_found(self) -> None:
        """What was found is looked at: an ordinary card from now on."""
        self.banner.hide()
        self._fresh = frozenset()
        for widget in self._cards.values():
            widget.set_new(False)
        self.filters.only("")

    @Slot()
    def _take_back(self) -> None:
        """Remove what was found and is still here, moved or not."""
        gone = self._fresh
        self._settle_found()
        self.hand.delete_all(gone)

    @Slot()
    def _filtered(self) -> None:
        self._again()
        self._layout_wait.start()

    def _again(self) -> None:
        state = self._document.state
        self._changed(state, state)

    @Slot(bool)
    def _show_strips(self, shown: bool) -> None:
        self._strips = shown
        for card in self._cards.values():
            card.set_strip_shown(shown)
        self._layout_wait.start()

    @Slot(bool)
    def _show_hidden(self, _shown: bool) -> None:
        self._again()

    # -------------------------------------------------------------- strips

    @Slot(object)
    def _settled(self, request: SteerRequest) -> None:
        self._request = request
        self._ask_visible()

    @Slot(int)
    def _scrolled(self, _value: int) -> None:
        self._layout_wait.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._layout_wait.start()

    @Slot()
    def _ask_visible(self) -> None:
        if self._request is None or not self._strips or not self.isVisible():
            return
        if self._document.state.wander.on:
            return  # Every moment would make them old.
        top = self._area.verticalScrollBar().value()
        bottom = top + self._area.viewport().height()
        for key in self._order:
            widget = self._cards[key]
            if widget.y() < bottom and widget.y() + widget.height() > top:
                self._thumbnails.ask(KEY + key, self._strip_requests(key), STRIP_SIZE)

    def _strip_requests(self, key: str) -> list[SteerRequest]:
        """The canvas with this direction at each σ of the strip."""
        card = self._document.state.card(key)
        if self._request is None or card is None:
            return []
        direction, residual = self._applied(card)
        if residual < NOTHING:
            return [self._request] * len(STRIP)
        stretch = stretch_of(card.direction)
        others = tuple(
            edit
            for edit in self._request.edits
            if edit.direction.vector != direction.vector or edit.direction.space != direction.space
        )
        return [
            replace(self._request, edits=(*others, Edit(direction, sigma * stretch)))
            if sigma
            else replace(self._request, edits=others)
            for sigma in STRIP
        ]

    @Slot(str, int, object)
    def _picture(self, key: str, index: int, image: QImage) -> None:
        if key.startswith(KEY):
            card = self._cards.get(key.removeprefix(KEY))
            if card is not None:
                card.strip.set_image(index, image)
