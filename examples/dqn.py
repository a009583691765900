"""Reinforcement learning: deep Q-learning of a game that is written below, catching falling fruit.

    python examples/dqn.py

Shows training on single batches: `predict_on_batch` and `train_on_batch` take microseconds, so that the
loop around them may be Python. The loss is a function: it looks at the action taken, and no other.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from fastmlp import Input, Sequential, layers, ops, optimizers, utils

WIDTH, HEIGHT, ACTIONS = 7, 6, 3  # left, stay, right
DISCOUNT, BATCH = 0.95, 32

Memory = tuple[np.ndarray, int, float, np.ndarray, bool]  # state, action, reward, next state, over


class Catch:
    """A fruit falls a row a step, from a random column; a basket in the last row moves sideways."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        self.row, self.column = 0, int(self.rng.integers(WIDTH))
        self.basket = int(self.rng.integers(WIDTH))
        return self.state()

    def state(self) -> np.ndarray:
        """Where the fruit and the basket are, from -1 to 1."""
        places = self.row / (HEIGHT - 1), self.column / (WIDTH - 1), self.basket / (WIDTH - 1)
        return 2 * np.array(places, np.float32) - 1

    def step(self, action: int) -> tuple[np.ndarray, float, bool]:
        """Moves; returns the new state, the reward, and whether the game is over."""
        self.basket = min(WIDTH - 1, max(0, self.basket + action - 1))
        self.row += 1
        done = self.row == HEIGHT - 1
        reward = (1.0 if self.basket == self.column else -1.0) if done else 0.0
        return self.state(), reward, done


def error_of_the_action(y_true: Any, y_pred: Any) -> Any:
    """Squared error of the value of the action taken; y_true holds actions, one-hot, times values."""
    taken, value = y_true[:, :ACTIONS], y_true[:, ACTIONS:]
    return ops.sum(taken * ops.square(value - y_pred), axis=-1)


def make_model() -> Sequential:
    """States to the values of the three actions."""
    hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
    model = Sequential([Input((3,)), *hidden, layers.Dense(ACTIONS)])
    model.compile(optimizers.Adam(2e-3), loss=error_of_the_action)
    return model


def main(games: int = 1500, seed: int = 1) -> float:
    """Plays and learns; returns the share of fruit caught in 200 games afterwards."""
    utils.set_random_seed(seed)
    game, rng = Catch(seed), np.random.default_rng(seed)
    model, target = make_model(), make_model()
    target.set_weights(model.get_weights())
    memory: deque[Memory] = deque(maxlen=5000)
    caught: deque[bool] = deque(maxlen=100)
    for number in range(games):
        curiosity = max(0.05, 1 - number / (0.4 * games))
        state, done, reward = game.reset(), False, 0.0
        while not done:
            action = int(rng.integers(ACTIONS))
            if rng.random() > curiosity:
                action = int(model.predict_on_batch(state[None])[0].argmax())
            following, reward, done = game.step(action)
            memory.append((state, action, reward, following, done))
            state = following
            if len(memory) >= 200:
                learn(model, target, [memory[i] for i in rng.integers(len(memory), size=BATCH)])
        caught.append(reward > 0)
        if number % 20 == 0:
            target.set_weights(model.get_weights())
        if (number + 1) % 250 == 0:
            print(f"game {number + 1}: {np.mean(caught):.0%} of the last 100 fruit caught")
    share = play(model, Catch(seed + 1), 200)
    print(f"afterwards, without curiosity: {share:.0%} of 200 fruit caught")
    return share


def learn(model: Sequential, target: Sequential, memories: list[Memory]) -> None:
    """One update: the value of an action is its reward, and what the best next one is worth."""
    states, actions, rewards, following, done = (
        np.array(column) for column in zip(*memories, strict=True)
    )
    best = target.predict_on_batch(following).max(axis=1)
    values = rewards + DISCOUNT * best * ~done
    model.train_on_batch(states, np.column_stack([np.eye(ACTIONS)[actions], values]))


def play(model: Sequential, game: Catch, games: int) -> float:
    """The share of fruit caught by who always does what seems best."""
    caught = 0
    for _ in range(games):
        state, done, reward = game.reset(), False, 0.0
        while not done:
            action = int(model.predict_on_batch(state[None])[0].argmax())
            state, reward, done = game.step(action)
        caught += reward > 0
    return caught / games


if __name__ == "__main__":
    main()
