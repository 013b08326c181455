"""The look: dark neutral surfaces, one warm accent, one typeface. Fusion underneath.

Surfaces are exact greys (R = G = B), so that nothing tints the picture that is being judged.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

SURROUND = "#262626"
"""Around the picture."""
GROUND = "#1a1a1a"
PANEL = "#202020"
RAISED = "#2b2b2b"
HOVER = "#363636"
LINE = "#3a3a3a"
EDGE = "#757575"
"""Outlines of controls: 3:1 on PANEL."""
QUIET = "#626262"
TEXT = "#e9e7e4"
DIM = "#a8a5a1"
"""Second rank text: 6.6:1 on PANEL."""
ACCENT = "#f2a65a"
ACCENT_DEEP = "#7a4d22"
ON_ACCENT = "#1d1206"
DANGER = "#f07a6a"
GOOD = "#8fc08a"
VEIL = "#35c4e8"
"""Over what is masked: far from skin, wood and fruit."""

SPACE = 8
"""The spacing unit, pixels."""
SIZE_SMALL, SIZE, SIZE_LARGE, SIZE_TITLE = 11, 13, 17, 34


def colour(name: str, alpha: int = 255) -> QColor:
    made = QColor(name)
    made.setAlpha(alpha)
    return made


def apply(app: QApplication) -> None:
    """Dress the whole application."""
    app.setStyle("Fusion")
    app.styleHints().setColorScheme(Qt.ColorScheme.Dark)
    app.setPalette(_palette())
    app.setFont(font(SIZE))
    app.setStyleSheet(_sheet())


def font(pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Inter with figures of one width, so that numbers do not dance while a slider moves."""
    made = QFont(_family())
    made.setPixelSize(pixels)
    made.setWeight(weight)
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


def _family() -> str:
    if "Inter" not in QFontDatabase.families():
        for file in sorted((assets() / "fonts").glob("Inter-*.otf")):
            QFontDatabase.addApplicationFont(str(file))
    return "Inter" if "Inter" in QFontDatabase.families() else QApplication.font().family()


def _palette() -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, name in (
        (role.Window, PANEL),
        (role.WindowText, TEXT),
        (role.Base, GROUND),
        (role.AlternateBase, RAISED),
        (role.Text, TEXT),
        (role.Button, RAISED),
        (role.ButtonText, TEXT),
        (role.BrightText, TEXT),
        (role.ToolTipBase, RAISED),
        (role.ToolTipText, TEXT),
        (role.Highlight, ACCENT),
        (role.HighlightedText, ON_ACCENT),
        (role.Link, ACCENT),
        (role.PlaceholderText, DIM),
        (role.Accent, ACCENT),
        (role.Light, HOVER),
        (role.Mid, LINE),
        (role.Dark, GROUND),
    ):
        palette.setColor(which, QColor(name))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor("#777777"))
    return palette


def _icon(name: str) -> str:
    """A picture for the style sheet, which takes files only."""
    return (assets() / "icons" / f"{name}.svg").as_posix()


def assets() -> Path:
    return Path(__file__).resolve().parent.parent / "assets"


def _sheet() -> str:
    return f"""
    QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 5px 7px; }}
    QMainWindow {{ background: {GROUND}; }}
    QDialog {{ background: {GROUND}; border: 1px solid {LINE}; }}
    QMainWindow::separator {{ background: {GROUND}; width: 4px; height: 4px; }}
    QMainWindow::separator:hover {{ background: {ACCENT_DEEP}; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QFrame#panel {{ background: {PANEL}; }}
    QFrame#topBar {{ background: {GROUND}; border-bottom: 1px solid #111111; }}
    QFrame#card {{ background: {RAISED}; border-radius: 8px; border: 1px solid transparent; }}
    QFrame#card[pinned="true"] {{ border: 1px solid {ACCENT_DEEP}; }}
    QFrame#tile {{ background: {PANEL}; border-radius: 14px; border: 1px solid {RAISED}; }}
    QFrame#drop {{ border: 1px dashed {EDGE}; border-radius: 12px; background: transparent; }}
    QFrame#drop[hot="true"] {{ border: 2px solid {ACCENT}; background: #2a2118; }}
    QFrame#errorBar {{ background: #3a2320; border: 1px solid {DANGER}; border-radius: 8px; }}
    QFrame#noteBar {{ background: #33291c; border: 1px solid {ACCENT_DEEP}; border-radius: 8px; }}
    QLabel {{ background: transparent; }}
    QLabel[rank="dim"] {{ color: {DIM}; }}
    QLabel[rank="small"] {{ color: {DIM}; font-size: {SIZE_SMALL}px; }}
    QLabel[rank="head"] {{ font-size: {SIZE_LARGE}px; font-weight: 600; }}
    QLabel[rank="new"] {{ color: {ACCENT}; font-size: 9px; padding: 0 3px; }}
    QLabel[rank="alarm"] {{ color: {DANGER}; font-size: {SIZE_SMALL}px; }}
    QLabel[rank="section"] {{ color: {DIM}; font-size: {SIZE_SMALL}px; font-weight: 600; }}
    QMenuBar {{ background: transparent; padding: 0; }}
    QMenuBar::item {{ background: transparent; padding: 6px 9px; border-radius: 5px;
        color: {DIM}; }}
    QMenuBar[narrow="true"]::item {{ padding: 6px 6px; }}
    QMenuBar::item:selected {{ background: {HOVER}; color: {TEXT}; }}
    QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 5px; }}
    QMenu::item {{ padding: 6px 26px 6px 14px; border-radius: 5px; }}
    QMenu::item:selected {{ background: {HOVER}; }}
    QMenu::item:disabled {{ color: #777777; }}
    QMenu::separator {{ height: 1px; background: {LINE}; margin: 5px 8px; }}
    QPushButton {{ background: {HOVER}; border: 1px solid {LINE}; border-radius: 6px;
        padding: 6px 13px; }}
    QPushButton:hover {{ background: #424242; }}
    QPushButton:pressed {{ background: {RAISED}; }}
    QPushButton:focus {{ border: 1px solid {ACCENT}; }}
    QPushButton:disabled {{ color: #777777; background: {RAISED}; }}
    QPushButton:checked {{ background: {ACCENT_DEEP}; border-color: {ACCENT}; }}
    QPushButton[primary="true"] {{ background: {ACCENT}; color: {ON_ACCENT};
        border: 1px solid {ACCENT}; font-weight: 600; }}
    QPushButton[primary="true"]:hover {{ background: #ffbd78; }}
    QPushButton[primary="true"]:focus {{ border: 2px solid {TEXT}; padding: 5px 12px; }}
    QPushButton[primary="true"]:disabled {{ background: {RAISED}; color: #777777;
        border-color: {LINE}; }}
    QToolButton {{ background: transparent; border: 1px solid transparent; border-radius: 6px;
        padding: 3px; color: {DIM}; }}
    QToolButton[slim="true"] {{ padding: 3px 1px; }}
    QToolButton:hover {{ background: {HOVER}; color: {TEXT}; }}
    QToolButton:focus {{ border: 1px solid {ACCENT}; }}
    QToolButton:checked {{ background: {ACCENT_DEEP}; color: {TEXT}; }}
    QToolButton[tab="true"] {{ padding: 6px 13px; font-weight: 500; }}
    QToolButton[tab="true"][narrow="true"] {{ padding: 6px 5px; }}
    QToolButton[tab="true"]:checked {{ background: {RAISED}; color: {ACCENT}; }}
    QPushButton[compact="true"] {{ padding: 3px 9px; }}
    QToolButton[chip="true"] {{ background: {GROUND}; border: 1px solid {LINE}; padding: 2px 8px;
        border-radius: 9px; font-size: {SIZE_SMALL}px; }}
    QToolButton[chip="true"]:hover {{ background: {HOVER}; }}
    QToolButton[chip="true"]:focus {{ border: 1px solid {ACCENT}; }}
    QToolButton[chip="true"]:checked {{ background: {ACCENT_DEEP}; border-color: {ACCENT};
        color: {TEXT}; }}
    QToolButton[segment="true"] {{ background: {GROUND}; border: 1px solid {LINE}; padding: 4px 9px;
        border-radius: 0; }}
    QToolButton[segment="true"]:hover {{ background: {HOVER}; }}
    QToolButton[segment="true"]:checked {{ background: {HOVER}; color: {ACCENT};
        border-color: {EDGE}; }}
    QToolButton[segment="true"]:focus {{ border: 1px solid {ACCENT}; }}
    QToolButton[segment="true"]:disabled {{ color: #606060; }}
    QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ background: {GROUND};
        border: 1px solid {LINE}; border-radius: 5px; padding: 3px 6px;
        selection-background-color: {ACCENT};
        selection-color: {ON_ACCENT}; }}
    QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{
        border: 1px solid {ACCENT}; }}
    QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{
        color: #777777; }}
    QLineEdit[quiet="true"] {{ background: transparent; border: 1px solid transparent;
        padding: 2px 4px; font-weight: 500; }}
    QLineEdit[quiet="true"]:hover {{ border: 1px solid {LINE}; }}
    QLineEdit[quiet="true"]:focus {{ border: 1px solid {ACCENT}; background: {GROUND}; }}
    QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ background: transparent; border: none;
        padding: 0; border-radius: 0; }}
    QAbstractSpinBox QLineEdit:focus, QComboBox QLineEdit:focus {{ border: none; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
    QComboBox::drop-down {{ border: none; width: 16px; }}
    QComboBox::down-arrow {{ image: url({_icon("down")}); width: 12px; height: 12px; }}
    QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {LINE}; outline: none; }}
    QCheckBox, QRadioButton {{ spacing: 8px; padding: 2px; border: 1px solid transparent;
        border-radius: 4px; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {EDGE};
        border-radius: 4px; background: {GROUND}; }}
    QCheckBox::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT};
        image: url({_icon("check")}); }}
    QCheckBox:focus, QRadioButton:focus {{ border: 1px solid {ACCENT}; }}
    QListWidget {{ background: transparent; border: none; outline: none; }}
    QListWidget::item {{ padding: 7px 9px; border-radius: 6px; }}
    QListWidget::item:hover {{ background: {RAISED}; }}
    QListWidget::item:selected {{ background: {HOVER}; color: {TEXT}; }}
    QListWidget[ticks="true"] {{ background: {GROUND}; border-radius: 6px; }}
    QListWidget[ticks="true"]::item {{ padding: 3px 6px; }}
    QListWidget::indicator {{ width: 13px; height: 13px; border: 1px solid {EDGE};
        border-radius: 4px; background: {GROUND}; }}
    QListWidget::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT};
        image: url({_icon("check")}); }}
    QListWidget:focus {{ border: 1px solid {ACCENT_DEEP}; border-radius: 6px; }}
    QTableView {{ background: transparent; border: none; outline: none; }}
    QTableView:focus {{ border: 1px solid {ACCENT_DEEP}; border-radius: 6px; }}
    QHeaderView {{ background: transparent; border: none; }}
    QHeaderView::section {{ background: transparent; border: none; color: {DIM};
        font-size: {SIZE_SMALL}px; font-weight: 600; padding: 5px 8px 5px 10px; }}
    QHeaderView::section:hover {{ color: {TEXT}; }}
    QHeaderView::down-arrow, QHeaderView::up-arrow {{ width: 0; height: 0; }}
    QProgressBar {{ background: {GROUND}; border: none; border-radius: 3px; height: 6px;
        text-align: center; }}
    QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: #454545; border-radius: 3px; margin: 2px;
        min-height: 28px; min-width: 28px; }}
    QScrollBar::handle:hover {{ background: {EDGE}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
