"""The LSTM autoencoder itself, in PyTorch: 128-64-64-128, trained on windows, asked for the newest samples of windows.

The decoder gives a window back from its end to its beginning (Malhotra et al., "LSTM-based Encoder-Decoder for
Multi-sensor Anomaly Detection", 2016), so that whoever needs only the newest samples pays for only the first steps.

Import this module inside functions: PyTorch takes a second to import, and its threads do not survive a fork.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from models.lstm_windows import SEQUENCE, Windows

WIDE, NARROW, DROPOUT = 128, 64, 0.2
EPOCHS, PATIENCE, BATCH, LEARNING_RATE = 50, 5, 128, 2e-3
BLOCK = 512  # windows that go through the network at once when it is asked
Weights = dict[str, npt.NDArray[np.float32]]


class Autoencoder(nn.Module):
    """Encoder LSTMs of 128 and 64 cells, decoder LSTMs of 64 and 128 cells, and a line from these to the value."""

    def __init__(self) -> None:
        super().__init__()
        self.encode_wide = nn.LSTM(1, WIDE, batch_first=True)
        self.encode_narrow = nn.LSTM(WIDE, NARROW, batch_first=True)
        self.decode_narrow = nn.LSTM(NARROW, NARROW, batch_first=True)
        self.decode_wide = nn.LSTM(NARROW, WIDE, batch_first=True)
        self.value = nn.Linear(WIDE, 1)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, windows: torch.Tensor, newest: int = SEQUENCE) -> torch.Tensor:
        """Return the `newest` samples of windows `[B, SEQUENCE]` as `[B, newest]`, the newest of all first."""
        wide, _ = self.encode_wide(windows.unsqueeze(-1))
        _, (code, _) = self.encode_narrow(self.dropout(wide))
        narrow, _ = self.decode_narrow(code[-1].unsqueeze(1).expand(-1, newest, -1))
        wide, _ = self.decode_wide(self.dropout(narrow))
        value: torch.Tensor = self.value(wide).squeeze(-1)
        return value


@dataclass(frozen=True)
class Trained:
    """The weights of a trained network, and how many epochs it took."""

    weights: Weights
    epochs: int


def train(training: Windows, validation: Windows, visits: int, seed: int, start: Weights | None = None) -> Trained:
    """Return the weights with the least error on the validation windows.

    Training ends after 50 epochs, after five without a gain, or after `visits` windows, whichever comes first. `start`
    are weights to begin with. On a CPU the same arguments give the same weights bit for bit.
    """
    device = _device()
    torch.manual_seed(seed)
    network = Autoencoder().to(device)
    if start is not None:
        _take(network, start)
    inputs, judge = (torch.from_numpy(part).to(device) for part in (training, validation))
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    order = torch.Generator().manual_seed(seed)
    best, least, waited, epoch = _weights(network), _loss(network, judge), 0, 0
    while epoch < EPOCHS and waited < PATIENCE and epoch * len(inputs) < visits:
        network.train()
        for rows in torch.randperm(len(inputs), generator=order).to(device).split(BATCH):
            batch = inputs[rows]
            optimiser.zero_grad()
            nn.functional.smooth_l1_loss(network(batch), batch.flip(1)).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        epoch += 1
        loss = _loss(network, judge)
        waited = 0 if loss < least else waited + 1
        if loss < least:
            best, least = _weights(network), loss
    return Trained(best, epoch)


def loaded(weights: Weights) -> Autoencoder:
    """Return the network with these weights, ready to be asked, on the graphics card where there is one."""
    network = Autoencoder().to(_device())
    _take(network, weights)
    return network.eval()


def newest_errors(network: Autoencoder, windows: Windows, newest: int) -> Windows:
    """Return how far the network's answer is from the newest samples of each window: `[B, newest]`, newest first."""
    device = next(network.parameters()).device
    out = np.empty((len(windows), newest), np.float32)
    with torch.inference_mode():
        for first in range(0, len(windows), BLOCK):
            block = torch.from_numpy(windows[first : first + BLOCK]).to(device)
            answer = network(_padded(block), newest)[: len(block)]
            out[first : first + BLOCK] = (answer - block.flip(1)[:, :newest]).abs().cpu().numpy()
    return out


@contextmanager
def on_threads(threads: int) -> Iterator[None]:
    """Let PyTorch compute on so many threads, and by algorithms that always give the same result."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)


def _padded(block: torch.Tensor) -> torch.Tensor:
    """Fill a block up: a product of matrices of another height may round otherwise, and a row's score would differ."""
    return nn.functional.pad(block, (0, 0, 0, BLOCK - len(block)))


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _loss(network: Autoencoder, windows: torch.Tensor) -> float:
    network.eval()
    with torch.inference_mode():
        parts = [
            nn.functional.smooth_l1_loss(network(part), part.flip(1), reduction="sum") for part in windows.split(BLOCK)
        ]
        return float(torch.stack(parts).sum()) / max(windows.numel(), 1)


def _weights(network: Autoencoder) -> Weights:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def _take(network: Autoencoder, weights: Weights) -> None:
    network.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in weights.items()})
