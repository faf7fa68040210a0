"""The first world of the Bootstrap tab: drawn by a job that says how far it is, once, and read as seeds."""

from bootstrap.first_world import SCENES, draw_first_world, first_world
from bootstrap.seeds import read_seeds
from tests.test_jobs import wait_for
from workbench.run_progress import kind_of_job


def test_it_is_drawn_once_and_can_be_used_as_seeds(tmp_path):
    assert first_world(tmp_path) is None
    begun = draw_first_world(tmp_path)
    assert draw_first_world(tmp_path).folder == begun.folder  # one that is under way is not begun twice
    wait_for(begun.folder, "done")
    done = first_world(tmp_path)
    assert done.state == "done" and done.status["done"] == done.status["total"] == SCENES
    assert kind_of_job(done).name == "world" and draw_first_world(tmp_path).folder == begun.folder
    assert len({seed.video.sha256 for seed in read_seeds(begun.folder).seeds}) > SCENES / 2
