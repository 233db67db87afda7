"""Options: contracts, quotes, strike candles, implied volatility and greeks."""
