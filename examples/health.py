"""Two outputs: body mass index and life expectancy, from how people live. Simulated data.

    python examples/health.py

Shows `Model(inputs, outputs)` with two inputs and two heads on a shared trunk, a loss and a weight
for each output, and log keys by the outputs' names.
"""

from __future__ import annotations

import numpy as np

from fastmlp import Input, Model, layers, utils

HABITS = ("age", "hours of sleep", "steps a day", "cigarettes a day", "drinks a week")
BODY = ("height", "weight", "resting pulse")


def simulate(people: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """People's habits and measurements; their BMI and life expectancy, with noise."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, people)
    sleep = rng.normal(7, 1.2, people)
    steps = rng.gamma(4, 2000, people)
    cigarettes = rng.poisson(4, people) * (rng.random(people) < 0.3)
    drinks = rng.poisson(4, people)
    height = rng.normal(1.72, 0.09, people)
    weight = height**2 * (27 - steps / 3000 + 0.03 * age + rng.normal(0, 2, people))
    pulse = rng.normal(75 - steps / 1500 + cigarettes / 3, 5, people)
    bmi = weight / height**2
    years = 84 - 0.15 * np.abs(bmi - 23) ** 1.5 - 0.5 * cigarettes - 0.2 * drinks
    years += np.minimum(steps, 12000) / 4000 - np.abs(sleep - 7.5) + rng.normal(0, 2, people)
    years[rng.random(people) < 0.02] -= 30  # accidents: what the Huber loss is for
    inputs = {
        "habits": np.stack([age, sleep, steps, cigarettes, drinks], axis=1),
        "body": np.stack([height, weight, pulse], axis=1),
    }
    return inputs, {"bmi": bmi[:, None], "life_expectancy": years[:, None]}


def make_model() -> Model:
    """One trunk, two heads; each says in its name which target it is for."""
    habits, body = Input((len(HABITS),), name="habits"), Input((len(BODY),), name="body")
    both = layers.Concatenate()([layers.Dense(16, "relu")(habits), layers.Dense(16, "relu")(body)])
    trunk = layers.Dense(32, "relu", name="trunk")(both)
    heads = {
        name: layers.Dense(1, name=name)(layers.Dense(16, "relu")(trunk))
        for name in ("bmi", "life_expectancy")
    }
    model = Model(inputs={"habits": habits, "body": body}, outputs=heads, name="health")
    model.compile(
        optimizer="adam",
        loss={"bmi": "mse", "life_expectancy": "huber"},
        loss_weights={"bmi": 1.0, "life_expectancy": 2.0},
        metrics={"bmi": ["mae"], "life_expectancy": ["mae"]},
    )
    return model


def main(epochs: int = 60, verbose: int = 2) -> dict[str, float]:
    """Trains, and returns the losses and errors for people it has not seen, in units of spread."""
    utils.set_random_seed(1)
    train, targets = simulate(4000, seed=1)
    test, test_targets = simulate(1000, seed=2)
    for name, x in train.items():
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        train[name], test[name] = (x - mean) / deviation, (test[name] - mean) / deviation
    for name, y in targets.items():
        mean, deviation = y.mean(), y.std()
        targets[name], test_targets[name] = (
            (y - mean) / deviation,
            (test_targets[name] - mean) / deviation,
        )
    model = make_model()
    model.summary()
    model.fit(train, targets, batch_size=32, epochs=epochs, validation_split=0.1, verbose=verbose)
    result: dict[str, float] = model.evaluate(test, test_targets, verbose=0, return_dict=True)
    print("1000 people not seen before:")
    for name, value in result.items():
        print(f"  {name:<22}{value:.4f}")
    return result


if __name__ == "__main__":
    main()
