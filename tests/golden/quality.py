"""Writes quality.json: what scikit-learn, pandas and numpy say about the same answers and the same columns.

    python3 -m venv venv && venv/bin/pip install numpy pandas scikit-learn
    venv/bin/python tests/golden/quality.py           # rewrites tests/golden/quality.json

`cargo xtask golden` does both. The file is committed; the tests read it and need no Python. Where two of the packages have
the same figure, they are compared here, so that the tests can hold plangrad to one of them.
"""

import json
import os
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.metrics import (
    mean_absolute_error,
    precision_recall_fscore_support,
    r2_score,
    root_mean_squared_error,
    top_k_accuracy_score,
)
from sklearn.preprocessing import StandardScaler

HERE = os.path.dirname(os.path.abspath(__file__))


def classification(random, classes, samples, absent=(), silent=()):
    """Labels and scores of samples; no label is among `absent`, no answer among `silent`. Scores differ and are exact in f32."""
    labels = random.choice([c for c in range(classes) if c not in absent], samples)
    scores = np.stack([random.permutation(64 * classes)[:classes] for _ in range(samples)]) / 64
    right = random.random(samples) < 0.6
    scores[np.arange(samples), labels] += np.where(right, classes, 0)
    scores[:, list(silent)] -= 3 * classes
    answers = scores.argmax(axis=1)
    options = {"zero_division": 0, "labels": range(classes)}
    precision, recall, f1, support = precision_recall_fscore_support(labels, answers, **options)
    # Without `labels`, means are of the classes that are a label or an answer.
    means = precision_recall_fscore_support(labels, answers, average="macro", zero_division=0)[:3]
    top_5 = top_k_accuracy_score(labels, scores, k=5, labels=range(classes)) if classes > 5 else None
    return {
        "labels": labels.tolist(),
        "scores": scores.tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "macro": list(means),
        "top_5": top_5,
    }


def regression(values, answers):
    return {
        "values": values.tolist(),
        "answers": answers.tolist(),
        "rmse": root_mean_squared_error(values, answers),
        "mae": mean_absolute_error(values, answers),
        "r2": r2_score(values, answers),
    }


def standardisation(random, rows):
    """A table as text, and what each of its columns becomes."""
    table = pd.DataFrame(
        {
            "length": random.normal(3, 2, rows),
            "share": random.uniform(0, 1e-6, rows),
            "age": random.integers(18, 90, rows),
            "second": 1_700_000_000 + random.integers(0, 100_000_000, rows),
            "income": np.exp(random.normal(10, 1.5, rows)),
            "constant": np.full(rows, 0.1),
            "price": 200_000 + 60_000 * random.normal(size=rows),
        }
    )
    scaler = StandardScaler().fit(table.to_numpy(dtype=np.float64))
    std = np.where(table.nunique() == 1, 1, table.std(ddof=0))
    np.testing.assert_allclose(scaler.mean_, table.mean(), rtol=1e-13)
    np.testing.assert_allclose(scaler.scale_, std, rtol=1e-13)
    return {
        "text": table.to_csv(index=False),
        "mean": scaler.mean_.tolist(),
        "std": scaler.scale_.tolist(),
        "standardised": scaler.transform(table.to_numpy(dtype=np.float64)).tolist(),
    }


def main(folder):
    random = np.random.default_rng(11)
    values = random.normal(0, 2, 60)
    prices = 200_000 + 50_000 * random.normal(size=60)
    times = 1.7e12 + 1000 * np.arange(40)
    golden = {
        "versions": {"numpy": np.__version__, "pandas": pd.__version__, "scikit-learn": sklearn.__version__},
        "classifications": [
            classification(random, 2, 50),
            classification(random, 3, 40, silent=[1]),
            classification(random, 10, 120),
            classification(random, 12, 60, absent=[4, 7], silent=[7, 9]),
        ],
        "regressions": [
            regression(values, values + random.normal(0, 0.5, 60)),
            regression(prices, prices + 20_000 * random.normal(size=60)),
            regression(prices, np.full(60, 1e5)),
            regression(times, times + random.normal(0, 300, 40)),
            regression(np.full(5, 7.0), np.full(5, 7.0)),
            regression(np.full(5, 7.0), np.arange(5.0)),
        ],
        "standardisation": standardisation(random, 60),
    }
    with open(os.path.join(folder, "quality.json"), "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE)
