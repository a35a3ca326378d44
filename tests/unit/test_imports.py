"""`import suffice` is light, and its public names stay."""

from __future__ import annotations

import subprocess
import sys

import suffice

PUBLIC = {
    *("explain", "explain_stream", "verify", "as_classifier", "Preprocess", "load", "Explanation"),
    *("Explanations", "SufficientSet", "Certificate", "Criterion", "Failure", "Rex", "methods"),
    *("build_info", "errors", "plot", "TorchClassifier", "drop_tokens", "__version__"),
    *("Curve", "FromRanking", "Minimal", "Moxi", "Msv", "Pruned", "prune", "Sag", "Sis"),
    *("comparators", "metrics", "statistics", "testing", "Ensemble", "GradientSis"),
    *("study", "Study", "StudyResult", "report"),
}

HEAVY = ("torch", "onnxruntime", "onnx", "matplotlib", "pandas", "scipy", "PIL")


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    return set(out.split())


def test_import_loads_nothing_heavy() -> None:
    assert not loaded_after("import suffice") & set(HEAVY)


def test_comparators_load_their_libraries_when_made() -> None:
    heavy = {"torch", "captum", "shap", "sklearn", "skimage", "transformers", "onnxruntime"}
    assert not loaded_after("import suffice; suffice.comparators()") & heavy


def test_statistics_load_their_libraries_when_used() -> None:
    heavy = {"scipy", "pandas", "statsmodels", "torch", "matplotlib"}
    assert not loaded_after("import suffice; suffice.statistics.compare") & heavy


def test_explaining_a_callable_needs_no_runtime_or_plotting() -> None:
    heavy = {"torch", "onnxruntime", "onnx", "matplotlib", "pandas"}
    assert not loaded_after("import suffice; suffice.explain; suffice.Rex; suffice.methods") & heavy


def test_studies_load_no_tables_or_runtimes() -> None:
    heavy = {"torch", "onnxruntime", "onnx", "matplotlib", "pandas", "pyarrow", "ray"}
    assert not loaded_after("import suffice; suffice.Study; suffice.StudyResult") & heavy


def test_reports_load_their_libraries_when_written() -> None:
    heavy = {"jinja2", "matplotlib", "pandas", "scipy", "PIL", "torch"}
    code = "import suffice; suffice.report.write, suffice.report.Document"
    assert not loaded_after(code) & heavy


def test_no_public_name_disappears() -> None:
    assert set(dir(suffice)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(suffice, name) is not None


def test_methods_is_a_package_and_a_function() -> None:
    assert suffice.methods()["rex"] is suffice.Rex


def test_checks_need_no_runtime_or_plotting() -> None:
    heavy = {"torch", "onnxruntime", "onnx", "matplotlib", "pandas", "hypothesis", "pytest"}
    assert not loaded_after("import suffice; suffice.testing.check_method") & heavy
