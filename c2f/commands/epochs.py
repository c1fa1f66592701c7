"""How a training's epochs are shown."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from c2f.training import History


class Epochs:
    """Shows epochs as they end: a moving bar where somebody watches, a line each elsewhere."""

    def __init__(self, what: str, epochs: int):
        from c2f.progress import somebody_watches

        self.what, self.epochs, self.bar = what, epochs, None
        if somebody_watches():
            from tqdm.auto import tqdm

            self.bar = tqdm(total=epochs, desc=what, unit="epoch")

    def __call__(self, history: "History") -> None:
        """Show the epochs up to the last of ``history``."""
        if not len(history):
            return
        told = f"loss {history.train_loss[-1]:.4f}, validation accuracy {history.val_accuracy[-1]:.4f}"
        if self.bar is not None:
            self.bar.update(len(history) - self.bar.n)
            self.bar.set_postfix_str(told)
        else:
            print(
                f"{self.what}: epoch {len(history)} of {self.epochs}, {told}, {history.seconds[-1]:.1f} s", flush=True
            )

    def close(self) -> None:
        """End the bar's line."""
        if self.bar is not None:
            self.bar.close()
