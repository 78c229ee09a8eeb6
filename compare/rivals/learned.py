"""Rivals from the libraries of the field, each given the 128-dimensional vectors of ours."""

import warnings

from . import Rival

SEED = 1

# What is fitted as a whole is fitted to at most so many of the last executions.
LAST = 4000


class HalfSpaceTrees(Rival):
    """River's, on features from 0 to 1 as it asks."""

    def __init__(self):
        from river.anomaly import HalfSpaceTrees as Trees

        self.trees = Trees(n_trees=25, height=8, window_size=250, seed=SEED)

    @staticmethod
    def features(line):
        return {number: (float(value) + 1) / 2 for number, value in enumerate(line.vector)}

    def score(self, line):
        return self.trees.score_one(self.features(line))

    def learn(self, line):
        self.trees.learn_one(self.features(line))


class Loda(Rival):
    """PySAD's."""

    def __init__(self):
        from pysad.models import LODA

        self.model = LODA(random_state=SEED)

    def score(self, line):
        return float(self.model.score_partial(line.vector))

    def learn(self, line):
        self.model.fit_partial(line.vector)


class Batch(Rival):
    """A model of scikit-learn's that is fitted as a whole."""

    refits = True

    def __init__(self, make, score):
        self.make, self.of = make, score

    def fit(self, lines):
        import numpy

        self.model = self.make().fit(numpy.array([line.vector for line in lines[-LAST:]]))

    def score_all(self, lines):
        import numpy

        return [float(s) for s in self.of(self.model, numpy.array([line.vector for line in lines]))] if lines else []

    def state(self):
        return self.model


class Autoencoder(Batch):
    """128-32-8-32-128, trained to give back what it is given; the error is the score."""

    def __init__(self):
        from sklearn.neural_network import MLPRegressor

        self.net = MLPRegressor(hidden_layer_sizes=(32, 8, 32), activation="tanh", random_state=SEED)
        self.fitted = 0

    def fit(self, lines):
        import numpy

        # The first time at length, then the day's news a few times.
        news = lines[self.fitted :] if self.fitted else lines[-LAST:]
        vectors = numpy.array([line.vector for line in news])
        shuffle = numpy.random.default_rng(SEED)
        for _ in range(10 if self.fitted else 100):
            shuffle.shuffle(vectors)
            for start in range(0, len(vectors), 64):
                self.net.partial_fit(vectors[start : start + 64], vectors[start : start + 64])
        self.fitted = len(lines)

    def score_all(self, lines):
        import numpy

        if not lines:
            return []
        vectors = numpy.array([line.vector for line in lines])
        return [float(s) for s in ((self.net.predict(vectors) - vectors) ** 2).sum(axis=1)]

    def state(self):
        return self.net


class MemStream(Rival):
    """Bhatia et al., MemStream (WWW 2022), small: a memory of encodings, first in first out; the score is the discounted
    L1 distance to the nearest K; what scores below beta enters the memory. The encoding is the vector itself, beta the
    99th percentile of the baseline's own scores."""

    MEMORY, NEAREST, DISCOUNT = 2048, 3, 0.5

    def fit(self, lines):
        import numpy

        self.memory = numpy.zeros((self.MEMORY, 128), dtype=numpy.float32)
        self.filled = self.next = 0
        self.beta = float("inf")
        scores = []
        for line in lines:
            scores.append(self.score(line))
            self.learn(line)
        self.beta = float(numpy.quantile(scores[len(scores) // 2 :], 0.99))

    def score(self, line):
        import numpy

        if self.filled == 0:
            return 256.0
        distances = numpy.abs(self.memory[: self.filled] - line.vector).sum(axis=1)
        nearest = numpy.sort(distances)[: self.NEAREST]
        discounts = self.DISCOUNT ** numpy.arange(len(nearest))
        return float((nearest * discounts).sum() / discounts.sum())

    def learn(self, line):
        if self.score(line) <= self.beta:
            self.memory[self.next] = line.vector
            self.next = (self.next + 1) % self.MEMORY
            self.filled = min(self.filled + 1, self.MEMORY)


def isolation_forest():
    from sklearn.ensemble import IsolationForest

    return Batch(lambda: IsolationForest(random_state=SEED), lambda model, x: -model.score_samples(x))


def one_class_svm():
    from sklearn.svm import OneClassSVM

    return Batch(lambda: OneClassSVM(nu=0.01, gamma="scale"), lambda model, x: -model.decision_function(x))


def rivals(_options):
    warnings.filterwarnings("ignore")
    yield "half-space trees", "River", HalfSpaceTrees
    yield "LODA", "PySAD", Loda
    yield "isolation forest", "scikit-learn", isolation_forest
    yield "one-class SVM", "scikit-learn", one_class_svm
    yield "autoencoder", "scikit-learn's multi-layer perceptron", Autoencoder
    yield "MemStream", "after Bhatia et al. 2022, ours in Python", MemStream
