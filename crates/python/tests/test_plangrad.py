"""What the package promises, tried on the wheel as it is installed."""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import logging
import os
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
import typing
from pathlib import Path

import numpy as np
import plangrad
import pytest
import write_options
from plangrad import _native, _options

QUICK: dict[str, typing.Any] = {"dataset": "digits", "hidden": [16], "epochs": 1, "no_report": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> plangrad.End:
    """A finished run on the built-in digits."""
    return plangrad.train(**QUICK, out=tmp_path_factory.mktemp("runs") / "run")


def idx(path: Path, array: np.ndarray, code: int) -> Path:
    """Writes an IDX file as its format's page says."""
    header = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(header + array.astype(array.dtype.newbyteorder(">")).tobytes())
    return path


# Files


@pytest.mark.parametrize(
    ("dtype", "code"),
    [("uint8", 0x08), ("int8", 0x09), ("int16", 0x0B), ("int32", 0x0C), ("float32", 0x0D), ("float64", 0x0E)],
)
def test_idx_files_of_every_type_become_arrays_of_that_type(tmp_path: Path, dtype: str, code: int) -> None:
    array = (np.arange(24) - (0 if dtype == "uint8" else 12)).astype(dtype).reshape(2, 3, 4)
    for name in ("a", "a.gz"):
        found = plangrad.read_idx(idx(tmp_path / name, array, code))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, array)
        assert found.flags.writeable


def test_an_array_takes_over_the_memory_of_its_file(tmp_path: Path) -> None:
    size = 64 << 20
    path = idx(tmp_path / "large", np.zeros(size, np.uint8), 0x08)
    script = f"import resource, plangrad; a = plangrad.read_idx({str(path)!r}); print(a.nbytes, resource.getrusage(0).ru_maxrss * 1024)"
    empty = "import resource, plangrad, numpy; print(resource.getrusage(0).ru_maxrss * 1024)"
    size_of = lambda code: subprocess.check_output([sys.executable, "-c", code], text=True).split()
    (nbytes, peak), (without,) = size_of(script), size_of(empty)
    assert int(nbytes) == size
    assert int(peak) - int(without) < 1.5 * size


def test_damaged_and_missing_files_are_errors_with_their_place(tmp_path: Path) -> None:
    path = idx(tmp_path / "short", np.zeros((4, 4), np.uint8), 0x08)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(plangrad.DataError, match="short: .*expected"):
        plangrad.read_idx(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        plangrad.read_idx(tmp_path / "nowhere")
    with pytest.raises(plangrad.FileError):
        plangrad.read_idx(tmp_path)


def test_cifar_is_read_from_batches_and_from_archives(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    records = rng.integers(0, 10, (5, 3073), np.uint8)
    batch = tmp_path / "data_batch_1.bin"
    batch.write_bytes(records.tobytes())
    images, labels, coarse = plangrad.read_cifar(batch)
    assert (images.shape, coarse) == ((5, 3, 32, 32), None)
    np.testing.assert_array_equal(labels, records[:, 0])
    np.testing.assert_array_equal(images.reshape(5, -1), records[:, 1:])

    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
            archive.add(batch, f"cifar-10-batches-bin/{name}")
    both = plangrad.read_cifar_archive(tmp_path / "cifar-10-binary.tar.gz")
    assert (len(both.train.labels), len(both.test.labels)) == (25, 5)
    assert both.classes[:2] == ["airplane", "automobile"]
    with pytest.raises(ValueError, match="cifar10"):
        plangrad.read_cifar(batch, "cifar20")  # type: ignore[arg-type]
    with pytest.raises(plangrad.DataError):
        plangrad.read_cifar(batch, "cifar100")


def test_a_dataset_is_what_the_program_trains_on(run: plangrad.End) -> None:
    images, labels, classes = plangrad.load_dataset("digits", "test")
    assert (images.shape, images.dtype, labels.shape) == ((4000, 1, 28, 28), np.uint8, (4000,))
    accuracy = (plangrad.Model.load(run["run"]).predict(images) == labels).mean()
    assert accuracy == run["test_accuracy"]
    assert classes[4] == "4"
    with pytest.raises(plangrad.NotFoundError, match="/nowhere"):
        plangrad.load_dataset("cifar10", data_dir="/nowhere")
    with pytest.raises(ValueError, match="split"):
        plangrad.load_dataset("digits", "validation")  # type: ignore[arg-type]


# Commands


def test_a_plan_has_the_figures_of_the_program() -> None:
    plan = plangrad.plan(dataset="mnist", hidden=128, batch_sizes=[64, 256], optimizer="sgd", memory_budget="2MiB")
    words = "plan --dataset mnist --hidden 128 --batch-sizes 64,256 --optimizer sgd --memory-budget 2MiB --format json"
    assert plan == json.loads(program(*words.split()).stdout)
    assert plan["rows"][0]["parameters_bytes"] == 407_080


def test_a_fit_is_proven_within_its_budget() -> None:
    fit = plangrad.fit(dataset="digits", memory_budget="4MiB", no_speed=True)
    assert fit["stopped_by"] == "budget"
    assert fit["total_bytes"] == fit["measured_bytes"] <= 4 << 20 < fit["next_total_bytes"]


def test_results_have_the_keys_of_their_types(run: plangrad.End) -> None:
    plan = plangrad.plan(dataset="mnist", batch_sizes=[64])
    fit = plangrad.fit(dataset="digits", max_batch=100)
    events: list[typing.Any] = []
    budget: dict[str, typing.Any] = {"memory_budget": "250KiB", "batch_size": 4096, "on_oom": "ladder"}
    plangrad.train(**QUICK, **budget, device="cpu", out=Path(run["run"] + "-oom"), callback=events.append)
    found = {event["event"]: event for event in events}
    assert set(found) == {"start", "oom", "step", "epoch", "end"}
    results = plangrad._results
    for kind, result in [
        (results.Plan, plan),
        (results.PlanRow, plan["rows"][0]),
        (results.Fit, fit),
        (results.Trial, fit["trials"][0]),
        (results.Throughput, fit["throughput"][0]),
        (results.Start, found["start"]),
        (results.Step, found["step"]),
        (results.Epoch, found["epoch"]),
        (results.OutOfMemory, found["oom"]),
        (results.End, found["end"]),
    ]:
        assert set(result) == set(kind.__annotations__), f"{kind.__name__} in _results.py"


def test_options_are_those_of_the_program() -> None:
    assert Path(_options.__file__).read_text() == write_options.whole(_native.options), "run cargo xtask python --write"


def test_misspelt_options_and_wrong_values_are_usage_errors() -> None:
    with pytest.raises(plangrad.UsageError, match="did you mean `--hidden`"):
        plangrad.plan(hiden=8)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="--dropout"):
        plangrad.plan(dropout=2)
    with pytest.raises(plangrad.UsageError):
        plangrad.plan(help=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="dict"):
        plangrad.plan(hidden={})  # type: ignore[typeddict-item]


def test_memory_that_does_not_suffice_is_a_memory_error_with_its_figures(tmp_path: Path) -> None:
    with pytest.raises(MemoryError, match="102,400 bytes are free") as error:
        plangrad.train(**QUICK, device="cpu", memory_budget="100KiB", out=tmp_path / "run")
    assert isinstance(error.value, plangrad.OutOfMemoryError)
    assert (error.value.device, error.value.total_bytes) == ("cpu", 100 << 10)
    assert error.value.requested_bytes > error.value.free_bytes


def test_missing_data_and_models_are_errors_of_their_kind(tmp_path: Path) -> None:
    with pytest.raises(plangrad.NotFoundError):
        plangrad.train(dataset="cifar10", data_dir=tmp_path, out=tmp_path / "run")
    with pytest.raises(plangrad.FileError):
        plangrad.Model.load(tmp_path / "model.safetensors")
    with pytest.raises(plangrad.ModelError):
        plangrad.Model.load(tmp_path)


# Training


def test_a_run_is_that_of_the_program_bit_for_bit(run: plangrad.End, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--dataset", "digits", "--hidden", "16", "--epochs", "1", "--no-report", "--out", str(out)]
    program("train", *words)
    assert (out / "model.safetensors").read_bytes() == Path(run["model"] or "").read_bytes()
    session = json.loads((Path(run["run"]) / "sessions.jsonl").read_text().splitlines()[0])
    assert session["command"].startswith("plangrad train --dataset=digits --hidden=16")


def test_a_callback_gets_the_events_and_nothing_is_printed(tmp_path: Path) -> None:
    code = (
        "import plangrad; kinds = []\n"
        f"plangrad.train(**{QUICK}, out={str(tmp_path / 'run')!r}, callback=lambda event: kinds.append(event['event']))\n"
        "print(kinds[0], kinds[-1], kinds.count('epoch'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("start end 1\n", "")


def test_a_callback_that_returns_true_stops_the_run_which_can_be_resumed(tmp_path: Path) -> None:
    steps = []

    def stop(event: plangrad.Event) -> bool:
        steps.append(event)
        return event["event"] == "step"

    end = plangrad.train(**QUICK, out=tmp_path / "run", callback=stop)
    assert (end["model"], [event["event"] for event in steps]) == (None, ["start", "step", "end"])
    whole = plangrad.train(resume=end["run"], no_report=True)
    assert whole["model"] is not None


def test_an_exception_of_a_callback_stops_the_run_and_is_raised(tmp_path: Path) -> None:
    def fail(event: plangrad.Event) -> None:
        if event["event"] == "step":
            raise KeyError("own")

    with pytest.raises(KeyError, match="own") as error:
        plangrad.train(**QUICK, out=tmp_path / "run", callback=fail)
    assert "plangrad.train(resume=" in error.value.__notes__[0]
    assert plangrad.train(resume=tmp_path / "run", no_report=True)["model"]


def test_ctrl_c_saves_the_run_and_raises_keyboard_interrupt(tmp_path: Path) -> None:
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as interrupt:
        plangrad.train(**{**QUICK, "epochs": 10_000}, out=tmp_path / "run")
    assert time.monotonic() - started < 20
    assert "resume" in interrupt.value.__notes__[0]
    assert (tmp_path / "run/checkpoint.safetensors").exists()


def test_other_threads_run_while_a_network_is_trained(tmp_path: Path) -> None:
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.wait(0.01):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    plangrad.train(**{**QUICK, "epochs": 3}, out=tmp_path / "run")
    done.set()
    thread.join()
    gaps = np.diff(ticks)
    assert len(ticks) > 10 and gaps.max() < 1.0, f"{len(ticks)} ticks, the longest gap {gaps.max():.2f} s"


def test_runs_on_several_threads_do_not_mix(tmp_path: Path) -> None:
    ends: dict[int, plangrad.End] = {}

    def work(seed: int) -> None:
        ends[seed] = plangrad.train(**QUICK, seed=seed, out=tmp_path / str(seed))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [Path(ends[seed]["run"]).name for seed in (1, 2)] == ["1", "2"]


def test_remarks_and_warnings_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "plangrad")
    plangrad.train(**QUICK, lr=0, out=tmp_path / "run")
    assert any("learning rate is 0" in record.message for record in caplog.records)


# Models


def test_predictions_are_those_of_the_program(run: plangrad.End) -> None:
    model = plangrad.Model.load(run["run"])
    assert (model.dataset, model.layers, model.sample_shape) == ("digits", "784-16-10", (1, 28, 28))
    assert model.classes == [str(digit) for digit in range(10)]
    said = program("predict", run["run"], "--index", "5", "--format", "json")
    expected = json.loads(said.stdout)
    image = plangrad.load_dataset("digits", "test").samples[5:6]
    np.testing.assert_allclose(model.predict_proba(image)[0], expected["probabilities"], rtol=1e-6)
    assert model.predict(image)[0] == expected["class"]


def test_images_of_each_shape_that_means_the_same_give_the_same(run: plangrad.End) -> None:
    model = plangrad.Model.load(run["run"])
    images = np.random.default_rng(2).integers(0, 256, (2500, 28, 28), np.uint8)
    expected = model.predict_proba(images)
    assert expected.shape == (2500, 10) and expected.dtype == np.float32
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.predict(images), expected.argmax(axis=1))
    for same in (images[:, None], images.reshape(2500, 784), np.asfortranarray(images)):
        np.testing.assert_array_equal(model.predict_proba(same), expected)
    np.testing.assert_array_equal(model.predict(images[:3]), model.predict(images)[:3])
    assert model.predict(images[:0]).shape == (0,)


def test_arrays_of_another_type_or_shape_are_refused(run: plangrad.End) -> None:
    model = plangrad.Model.load(run["run"])
    with pytest.raises(TypeError, match="uint8"):
        model.predict(np.zeros((1, 28, 28), np.float32))
    with pytest.raises(ValueError, match=r"\(n, 1, 28, 28\), found \[28, 28\]"):
        model.predict(np.zeros((28, 28), np.uint8))
    with pytest.raises(ValueError, match="device"):
        plangrad.Model.load(run["run"], device="gpu")
    with pytest.raises(ValueError, match="threads"):
        plangrad.Model.load(run["run"], threads=0)


def test_tables_are_predicted_from_rows_of_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    y = 3 * x[:, 0] - 2 * x[:, 1] + 5
    kinds = np.where(y > 5, "high", "low")
    lines = [f"{a},{b},{value},{kind}" for (a, b), value, kind in zip(x, y, kinds, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y,kind", *lines]))
    common: dict[str, typing.Any] = {"dataset": f"csv:{tmp_path}/t.csv", "no_report": True, "lr": 0.05, "epochs": 20}
    regression = plangrad.train(**common, loss="mse", hidden=[], label="y", drop="kind", out=tmp_path / "regression")
    model = plangrad.Model.load(regression["run"])
    assert (model.features, model.classes) == (["a", "b"], [])
    np.testing.assert_allclose(model.predict(x[:5]), y[:5], atol=0.1)
    np.testing.assert_array_equal(model.predict(x[:5].tolist()), model.predict(x[:5]))
    with pytest.raises(TypeError, match="regression"):
        model.predict_proba(x)
    with pytest.raises(plangrad.DataError, match="a number"):
        model.predict([["red", 1.0]])
    with pytest.raises(ValueError, match=r"\(n, columns\)"):
        model.predict(x[0])
    classes = plangrad.train(**common, label="kind", drop=["y"], out=tmp_path / "classes")
    model = plangrad.Model.load(classes["run"])
    assert (np.array(model.classes)[model.predict(x)] == kinds).mean() > 0.95


# The package


def program(*words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the program that was installed beside this Python."""
    path = Path(sys.executable).with_name("plangrad")
    done = subprocess.run([path, *words], capture_output=True, text=True)
    assert (done.returncode == 0) == ok, done.stderr
    return done


def test_the_program_is_installed_and_ends_with_its_own_exit_codes() -> None:
    assert program("--version").stdout.startswith(f"plangrad {plangrad.__version__}")
    wrong = program("trian", ok=False)
    assert (wrong.returncode, "did you mean `train`?" in wrong.stderr) == (2, True)
    module = subprocess.check_output([sys.executable, "-m", "plangrad", "summary", "--dataset", "mnist"], text=True)
    assert "101,770" in module


def test_the_program_ends_like_itself_when_it_is_interrupted(tmp_path: Path) -> None:
    path = Path(sys.executable).with_name("plangrad")
    words = ["train", "--dataset", "digits", "--epochs", "10000", "--out", str(tmp_path / "run")]
    run = subprocess.Popen([path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout is not None
    while "batch" not in run.stdout.readline():
        pass
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "Traceback" not in said and "plangrad train --resume" in said


def test_the_wheel_carries_its_licences_and_its_types() -> None:
    files = {str(file) for file in importlib.metadata.files("plangrad") or []}
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert any(file.endswith(name) for file in files), name
    assert "plangrad/py.typed" in files and "plangrad/_native.pyi" in files
    about = importlib.metadata.metadata("plangrad")
    assert about["License-Expression"] == "MIT OR Apache-2.0"
    assert "简体中文" in (importlib.metadata.metadata("plangrad").get_payload() or about["Description"])
