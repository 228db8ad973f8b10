"""L = CE + lambda_ground L_ground + lambda_entropy L_entropy, each term on its own."""

from collections.abc import Callable

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torchvision.ops import sigmoid_focal_loss

from model.decoder import Looked
from model.tokenizer import PAD_ID


def cross_entropy(logits: Tensor, text_ids: Tensor) -> Tensor:
    """Mean negative log-likelihood of the next token, padding left out.

    Args:
        logits: (B, T, V); row t predicts `text_ids[:, t + 1]`.
        text_ids: (B, T), start and end included.
    """
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), text_ids[:, 1:].flatten(), ignore_index=PAD_ID)


def grounding_kl(looked: Looked, target: Tensor) -> Tensor:
    """KL(target || head-mean attention), averaged over the supervised tokens; 0 where there are none.

    The direction and the single averaged head follow Garg et al. 2019, "Jointly Learning to Align and Translate".

    Args:
        looked: (B, heads, T, N + 1), null token last.
        target: (B, T, N + 1), each row a distribution, or all zero where the token is not supervised.
    """
    supervised = target.sum(-1) > 0
    if not supervised.any():
        return looked.attention.sum() * 0
    wanted = target[supervised]
    given = looked.attention.mean(1)[supervised].clamp_min(1e-9)
    return (torch.xlogy(wanted, wanted) - wanted * given.log()).sum(-1).mean()


def grounding_bce(looked: Looked, target: Tensor) -> Tensor:
    """The literal published loss: BCE between head-mean attention and mask, averaged over positions.

    Softmax rows sum to 1, so the loss cannot reach 0 on a mask of several patches, and its gradient falls with 1 / N:
    it teaches next to nothing on a fine grid. It stands here to be compared with. Arguments as for `grounding_kl`.
    """
    supervised = target.sum(-1) > 0
    if not supervised.any():
        return looked.attention.sum() * 0
    given = looked.attention.mean(1)[supervised].clamp(1e-9, 1 - 1e-6)
    wanted = mask(target[supervised])
    return -(wanted * given.log() + (1 - wanted) * (1 - given).log()).mean()


def grounding_dice(looked: Looked, target: Tensor) -> Tensor:
    """1 - 2 sum(m a) / (sum m + sum a), with a = head-mean attention over its largest value, m the mask.

    Milletari et al. 2016, "V-Net" (3DV), without the squares. Arguments as for `grounding_kl`.
    """
    supervised = target.sum(-1) > 0
    if not supervised.any():
        return looked.attention.sum() * 0
    mean = looked.attention.mean(1)[supervised]
    given = mean / mean.amax(-1, keepdim=True)
    wanted = mask(target[supervised])
    return (1 - 2 * (wanted * given).sum(-1) / (wanted.sum(-1) + given.sum(-1))).mean()


def grounding_sigmoid_bce(looked: Looked, target: Tensor) -> Tensor:
    """BCE of sigmoid(head-mean logits): each position's own probability, whatever the others are.

    Unlike `grounding_bce`, 0 can be reached, and a threshold on the probability means something. Arguments as for
    `grounding_kl`.
    """
    supervised = target.sum(-1) > 0
    if not supervised.any():
        return looked.scores.sum() * 0
    return F.binary_cross_entropy_with_logits(looked.scores.mean(1)[supervised], mask(target[supervised]))


def grounding_none(looked: Looked, target: Tensor) -> Tensor:  # noqa: ARG001
    """No grounding: 0."""
    return looked.attention.sum() * 0


def mask(target: Tensor) -> Tensor:
    """Distributions over positions -> masks, 1 where the region covers a position most."""
    return target / target.amax(-1, keepdim=True)


GROUNDING_LOSSES: dict[str, Callable[[Looked, Tensor], Tensor]] = {
    "none": grounding_none,
    "bce": grounding_bce,
    "kl": grounding_kl,
    "dice": grounding_dice,
    "sigmoid_bce": grounding_sigmoid_bce,
}


def finding_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss of which finding lies on which patch, over the number of patches that have one.

    Every patch of every study teaches, where the words alone teach only what is said. Lin et al. 2017, "Focal Loss for
    Dense Object Detection", with its alpha and gamma.

    Args:
        logits: (B, N, F).
        target: (B, N, F), 1 where the finding is on the patch, 0 where it is not, NaN where nobody said.
    """
    known = ~target.isnan()
    wanted, given = target[known], logits.float()[known]
    loss: Tensor = sigmoid_focal_loss(given, wanted, alpha=0.25, gamma=2.0, reduction="sum")
    return loss / wanted.sum().clamp_min(1.0)


def attention_entropy(attention: Tensor) -> Tensor:
    """Entropy (B, T) of the head-mean attention, nats, over ln(N + 1): 0 one patch, 1 uniform."""
    mean = attention.mean(1).clamp_min(1e-12)
    return -(mean * mean.log()).sum(-1) / torch.log(torch.tensor(float(mean.shape[-1])))


def unsupervised_entropy(attention: Tensor, target: Tensor, text_ids: Tensor) -> Tensor:
    """Mean normalised entropy over the tokens that no mask supervises; supervised ones are left alone.

    Pressing the entropy of a supervised token down fights its mask: a region of k patches needs ln k nats.
    """
    free = (target.sum(-1) == 0) & (text_ids != PAD_ID)
    if not free.any():
        return attention.sum() * 0
    return attention_entropy(attention)[free].mean()


def literal_entropy(attention: Tensor, target: Tensor, text_ids: Tensor) -> Tensor:  # noqa: ARG001
    """Mean normalised entropy over every token, as published; supervised ones too."""
    return attention_entropy(attention)[text_ids != PAD_ID].mean()


ENTROPY_TERMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "literal": literal_entropy,
    "unsupervised": unsupervised_entropy,
}
