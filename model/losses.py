"""L = CE + lambda_ground L_ground + lambda_entropy L_entropy, each term on its own."""

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torchvision.ops import sigmoid_focal_loss

from model.tokenizer import PAD_ID


def cross_entropy(logits: Tensor, text_ids: Tensor) -> Tensor:
    """Mean negative log-likelihood of the next token, padding left out.

    Args:
        logits: (B, T, V); row t predicts `text_ids[:, t + 1]`.
        text_ids: (B, T), start and end included.
    """
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), text_ids[:, 1:].flatten(), ignore_index=PAD_ID)


def grounding_kl(attention: Tensor, target: Tensor) -> Tensor:
    """KL(target || head-mean attention), averaged over the supervised tokens; 0 where there are none.

    The direction and the single averaged head follow Garg et al. 2019, "Jointly Learning to Align and Translate".

    Args:
        attention: (B, heads, T, N + 1), null token last, rows sum to 1.
        target: (B, T, N + 1), each row a distribution, or all zero where the token is not supervised.
    """
    supervised = target.sum(-1) > 0
    if not supervised.any():
        return attention.sum() * 0
    wanted = target[supervised]
    given = attention.mean(1)[supervised].clamp_min(1e-9)
    return (torch.xlogy(wanted, wanted) - wanted * given.log()).sum(-1).mean()


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
