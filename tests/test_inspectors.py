"""The inspectors on the run that ships, whose snapshots are packed as halves."""
import ipywidgets.widgets.widget as widget
import pytest

from msan_nb.course.weights import shipped_run
from msan_nb.inspectors.base import said
from msan_nb.inspectors.graphs import show_graphs


@pytest.fixture(scope="module")
def graphs():
    return show_graphs(shipped_run())


def test_a_click_stronger_views_and_more_of_them(graphs):
    graphs.picture.clicked = graphs.data["nodes"][0]["id"]
    assert graphs.picture.card["id"] == graphs.picture.clicked and len(graphs.picture.card["big"]) >= 5
    before = graphs.data["loss"]
    graphs.strength.value = 1.0
    assert graphs.status.value == said("") and graphs.data["loss"] != before
    graphs.views.value = 4
    assert graphs.status.value == said("") and "4 views at strength 1" in graphs.data["caption"]


def test_a_dragged_slider_leaves_no_widgets_behind(graphs):
    before = len(widget._instances)
    for tau in (0.1, 0.2, 0.4, 0.8, 1.6, 0.1): graphs.tau.value = tau
    assert len(widget._instances) == before
