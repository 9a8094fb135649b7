import subprocess
import sys
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from paper_figures.save import save_figures
from paper_figures.tensorboard import log_figures


def test_tensorboard_finds_the_figures_once_with_their_bytes(small, tmp_path):
    paths = save_figures(small, tmp_path / "figures")
    before = time.time()
    for _ in range(2):
        log_figures(paths, tmp_path / "log")
    events = EventAccumulator(str(tmp_path / "log/figures"), size_guidance={"images": 0, "tensors": 0})
    events.Reload()
    (tag,) = events.Tags()["images"]
    assert tag == f"figures/{paths[0].stem}"
    (picture,) = events.Images(tag)
    assert before <= picture.wall_time <= time.time()
    assert picture.encoded_image_string == paths[0].read_bytes()


def test_tensorflow_is_not_imported(small, tmp_path):
    save_figures(small, tmp_path)
    code = (
        "import sys, pathlib; from paper_figures.tensorboard import log_figures\n"
        f"folder = pathlib.Path({str(tmp_path)!r}); log_figures(list(folder.glob('*.png')), folder)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
