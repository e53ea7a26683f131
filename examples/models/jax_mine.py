"""What people who use JAX have: a jitted function of arrays N×3×32×32."""

import jax
import jax.numpy as jnp

WEIGHTS = jax.random.normal(jax.random.key(0), (3 * 32 * 32, 5)) / 20


def scores(images: jax.Array) -> jax.Array:
    """Scores N×5."""
    return jnp.tanh(images.reshape(len(images), -1) - 0.5) @ WEIGHTS


classify = jax.jit(scores)
