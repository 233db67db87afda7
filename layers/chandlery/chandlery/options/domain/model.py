"""The model by which a contract is valued."""

from enum import StrEnum


class Model(StrEnum):
    """What is held still while a greek is taken: the forward in Black-76, the share's price in Black-Scholes-Merton."""

    BLACK_76 = "black_76"
    BLACK_SCHOLES_MERTON = "black_scholes_merton"
