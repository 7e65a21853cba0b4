"""The scikit-learn estimators by name: a seed -> an unfitted classifier."""

from typing import Any


def random_forest(seed: int) -> Any:
    """200 trees, each on all clips; raw features, whose thresholds ONNX's float32 holds exactly."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(200, bootstrap=False, random_state=seed)


def nearest_neighbours(_seed: int) -> Any:
    """The three nearest clips, which count alike: skl2onnx 1.20 doesn't weigh them by distance where it should."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), KNeighborsClassifier(3))


def svm(seed: int) -> Any:
    """RBF kernel, C = 3; emotions count alike."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=3, class_weight="balanced", random_state=seed))
