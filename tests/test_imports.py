"""Who may import whom: the core in layers, doors on top, Flask and the training libraries in their places."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

LAYERS = (
    "errors",
    "emotions",
    "language",
    "corpora",
    "ffmpeg",
    "cluster",
    "decoding",
    "audio_preprocessing",
    "live",
    "spectral",
    "encoder",
    "features",
    "summary",
    "voice_profile",
    "speakers",
    "prediction",
    "sounds",
    "augmentation",
    "dataset_loader",
    "networks",
    "sequence_networks",
    "image_networks",
    "estimators",
    "evaluation",
    "speaker_fit",
    "model_bundle",
    "systems",
    "windows",
    "timeline",
    "predictor",
    "personal_head",
    "resynthesis",
    "explanation",
    "model_card",
    "champion",
    "batches",
    "elsewhere",
    "summary_heads",
    "training",
    "classical",
    "transcription",
    "store_files",
    "store_objects",
    "store_schema",
    "migrations",
    "store_queries",
    "clip_store",
    "profile_store",
    "personal",
    "corrected",
    "waveform",
    "recording_queue",
    "recording_store",
    "exports",
)
"""The modules of utils/. Each may import only those above it; not all of them need to exist."""

TRAINING_LIBRARIES = {"tensorflow", "keras", "sklearn", "joblib", "matplotlib", "pandas", "tf2onnx", "onnx"}
"""Not installed where we serve."""

OPTIONAL_LIBRARIES = {"pyarrow", "praatio", "pympi", "dask", "distributed"}
"""Imported when they are used, wherever that is."""

TRAINING_MODULES = {
    "train.py",
    "import_encoder.py",
    "utils/dataset_loader.py",
    "utils/networks.py",
    "utils/sequence_networks.py",
    "utils/image_networks.py",
    "utils/estimators.py",
    "utils/systems.py",
    "utils/classical.py",
    "utils/evaluation.py",
    "utils/speaker_fit.py",
    "utils/training.py",
    "utils/batches.py",
    "utils/elsewhere.py",
    "utils/summary_heads.py",
}

SERVING_DOORS = ("web_app.py", "app.py")


@dataclass(frozen=True)
class Import:
    """One name that a file imports; `lazy` if importing the file does not import it."""

    name: str
    lazy: bool
    line: int

    @property
    def library(self) -> str:
        return self.name.partition(".")[0]


class Collector(ast.NodeVisitor):
    """Collects what a file imports, in functions and as constant names of import_module, too."""

    def __init__(self, package: tuple[str, ...]) -> None:
        self.package = package
        self.lazy = False
        self.found: list[Import] = []

    def add(self, name: str, node: ast.stmt | ast.expr) -> None:
        self.found.append(Import(name, self.lazy, node.lineno))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = list(self.package[: len(self.package) - node.level + 1]) if node.level else []
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            self.add(".".join([*base, alias.name]), node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.add(name.value, node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit_later(node, is_later="TYPE_CHECKING" in ast.unparse(node.test))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.visit_later(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_later(node)

    def visit_later(self, node: ast.AST, is_later: bool = True) -> None:
        before, self.lazy = self.lazy, self.lazy or is_later
        self.generic_visit(node)
        self.lazy = before


def imports_of(path: Path, root: Path = REPOSITORY) -> list[Import]:
    collector = Collector(path.relative_to(root).parent.parts)
    collector.visit(ast.parse(path.read_text("utf-8"), str(path)))
    return collector.found


def program(root: Path = REPOSITORY) -> Iterator[Path]:
    """The program's own files: no tests, no benchmarks."""
    yield from sorted(root.glob("*.py"))
    for folder in ("utils", "web", "cli"):
        yield from sorted((root / folder).rglob("*.py"))


def broken_rules(root: Path) -> list[str]:
    """Every import of the program in `root` that breaks a rule, as "file:line imports name"."""
    return [
        f"{path.relative_to(root).as_posix()}:{found.line} imports {found.name}"
        for path in program(root)
        for found in imports_of(path, root)
        if breaks_a_rule(path.relative_to(root), found, modules_at(root))
    ]


def modules_at(root: Path) -> set[str]:
    return {path.stem for path in root.glob("*.py")} | {"web", "cli"}


def is_door(module: str) -> bool:
    return module in ("web_app", "app", "train") or module.startswith("organize_")


def breaks_a_rule(path: Path, found: Import, top_level: set[str]) -> bool:
    if is_door(found.library):
        return True
    if found.library.startswith("flask"):
        return path.as_posix() != "web_app.py" and path.parts[0] != "web"
    if found.library in TRAINING_LIBRARIES:
        return path.as_posix() not in TRAINING_MODULES
    if path.parts[0] == "utils":
        return found.library in top_level or not is_above(path, found)
    return False


def is_above(path: Path, found: Import) -> bool:
    """Whether a module of utils/ imports nothing, itself or something above it."""
    names = found.name.split(".")
    if names[0] != "utils" or len(names) == 1 or path.parts[1] == "__init__.py":
        return names[0] != "utils"
    own = Path(path.parts[1]).stem
    if names[1] not in LAYERS or own not in LAYERS:
        return False
    return names[1] == own or LAYERS.index(names[1]) < LAYERS.index(own)


def reached_from(start: Path) -> set[Path]:
    """The project's files that run, now or later, when `start` does."""
    reached, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for found in imports_of(path):
            names = found.name.split(".")
            for length in range(1, len(names) + 1):
                base = REPOSITORY.joinpath(*names[:length])
                waiting += [file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()]
    return reached


# --- The rules, on this project


def test_the_program_keeps_the_rules() -> None:
    assert broken_rules(REPOSITORY) == []


def test_every_module_of_the_core_has_a_place() -> None:
    modules = {
        Path(path.relative_to(REPOSITORY / "utils").parts[0]).stem for path in program() if "utils" in path.parts
    }
    assert modules - {"__init__"} <= set(LAYERS), "give it a place in LAYERS"


@pytest.mark.parametrize("door", SERVING_DOORS)
def test_no_file_that_serves_needs_a_training_library_to_be_imported(door: str) -> None:
    if not (REPOSITORY / door).is_file():
        pytest.skip(f"{door} is not there yet")
    needed = {
        f"{path.name}:{found.line} imports {found.name}"
        for path in reached_from(REPOSITORY / door)
        for found in imports_of(path)
        if found.library in TRAINING_LIBRARIES | OPTIONAL_LIBRARIES and not found.lazy
    }
    assert needed == set()


def test_importing_the_core_that_serves_loads_no_training_library() -> None:
    serving = [
        name for name in ("predictor", "transcription", "clip_store") if (REPOSITORY / "utils" / f"{name}.py").is_file()
    ]
    script = (
        f"import sys, {', '.join(f'utils.{name}' for name in serving)}\n"
        f"print(sorted({TRAINING_LIBRARIES | OPTIONAL_LIBRARIES!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- The rules themselves, on made-up projects


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("utils/corpora.py", "from utils.decoding import load_audio"),
        ("utils/corpora.py", "from utils import decoding"),
        ("utils/corpora.py", "import utils.decoding as d"),
        ("utils/corpora.py", "from . import decoding"),
        ("utils/corpora.py", "from .decoding import load_audio"),
        ("utils/corpora.py", "def f():\n    from utils.decoding import load_audio"),
        ("utils/corpora.py", "async def f():\n    import utils.decoding"),
        ("utils/corpora.py", "import importlib\nimportlib.import_module('utils.decoding')"),
        (
            "utils/corpora.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import utils.decoding",
        ),
        ("utils/errors.py", "import utils.unheard_of"),
        ("utils/unheard_of.py", "import utils.errors"),
        ("utils/__init__.py", "from utils.errors import VoiceError"),
        ("utils/corpora.py", "import web.pages"),
        ("utils/corpora.py", "import helper"),
        ("utils/corpora.py", "import web_app"),
        ("app.py", "from web_app import create_app"),
        ("app.py", "def f():\n    import train"),
        ("web/pages.py", "from web_app import create_app"),
        ("organize_nemo.py", "import organize_ravdess"),
        ("app.py", "import flask"),
        ("utils/clip_store.py", "def f():\n    from flask_smorest import abort"),
        ("app.py", "import joblib"),
        ("utils/model_bundle.py", "def f():\n    import joblib"),
        ("utils/features.py", "def f():\n    import keras"),
        ("utils/predictor.py", "from sklearn.preprocessing import StandardScaler"),
        ("web_app.py", "import tensorflow.keras as keras"),
    ],
)
def test_what_breaks_a_rule_is_found(file: str, code: str, tmp_path: Path) -> None:
    for name in (file, "helper.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / file).write_text(code)
    [broken] = broken_rules(tmp_path)
    assert broken.startswith(f"{file}:{code.count(chr(10)) + 1} imports ")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("utils/decoding.py", "import os\nimport numpy as np\nfrom utils.errors import AudioError"),
        ("utils/decoding.py", "from utils import corpora, errors"),
        ("utils/decoding.py", "from .errors import AudioError"),
        (
            "utils/migrations/env.py",
            "from utils.migrations import versions\nfrom ..store_schema import metadata",
        ),
        ("utils/networks.py", "import keras"),
        ("utils/training.py", "import joblib\nfrom utils.model_bundle import ONNX"),
        ("train.py", "import tensorflow\nfrom utils.clip_store import ClipStore"),
        ("web_app.py", "import flask\nfrom flask_cors import CORS\nfrom web import pages\nimport helper"),
        (
            "web/pages.py",
            "from flask import render_template\nfrom utils.predictor import Predictor\nfrom . import api",
        ),
        ("tests/test_x.py", "import flask, keras, web_app"),
        ("benchmarks/load.py", "import web_app"),
    ],
)
def test_what_keeps_the_rules_is_let_be(file: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(code)
    assert broken_rules(tmp_path) == []


def test_lazy_is_what_importing_the_file_does_not_import(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "import a\nif True:\n    import b\ntry:\n    import c\nexcept ImportError:\n    pass\n"
        "class K:\n    import d\n    def m(self):\n        import e\n        def n():\n            import f\n"
        "import g\nif TYPE_CHECKING:\n    import h\n"
    )
    lazy = {found.name: found.lazy for found in imports_of(file, tmp_path)}
    assert lazy == {
        "a": False, "b": False, "c": False, "d": False, "e": True, "f": True, "g": False, "h": True,
    }  # fmt: skip
