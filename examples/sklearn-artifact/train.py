"""Trains a classifier, and writes it as an artifact: a model.tar.gz, as SageMaker calls it.

python train.py [NAME]: the artifact is NAME.tar.gz, beside this file; species-v1 by default.
"""

import io
import sys
import tarfile
from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

name = sys.argv[1] if len(sys.argv) > 1 else "species-v1"
archive = Path(__file__).with_name(f"{name}.tar.gz")

# Four measurements in cm; the classes as names, so that the model answers with names.
iris = load_iris()
species = iris.target_names[iris.target]
train_x, test_x, train_y, test_y = train_test_split(iris.data, species, random_state=1)

# The scaling belongs to the model: callers send values as they were measured.
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_x, train_y)

# The archive has one file at its top level: model.joblib.
content = io.BytesIO()
joblib.dump(model, content)
member = tarfile.TarInfo("model.joblib")
member.size = content.tell()
content.seek(0)
with tarfile.open(archive, "w:gz") as tar:
    tar.addfile(member, content)

print(f"{archive.name}: accuracy {model.score(test_x, test_y):.2f}")
