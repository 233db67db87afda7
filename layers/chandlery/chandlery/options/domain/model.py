"""The model by which a contract is valued."""

from enum import StrEnum


class Model(StrEnum):
    """What a greek holds: Black-76 the forward, Black-Scholes-Merton the spot and its yield."""

    BLACK_76 = "black_76"
    BLACK_SCHOLES_MERTON = "black_scholes_merton"
