# %% [markdown]
# # A day of IBM
# Open this file as a notebook (VS Code does so as it is, Jupyter with jupytext), with `chandlery up` running.

# %%
from datetime import UTC, datetime

import polars as pl

from chandlery_client import Client

client = Client("http://127.0.0.1:8000")
KEY = "XNYS@IBM@EQ"
starts, ends = datetime(2013, 10, 7, tzinfo=UTC), datetime(2013, 10, 8, tzinfo=UTC)

# %% [markdown]
# ## Candles, exact to the last digit

# %%
candles = client.candles(KEY, "5m", from_=starts, to=ends).to_polars()
candles.select("time", "open", "high", "low", "close", "volume").head()

# %% [markdown]
# Sums of decimals stay exact; what is irrational anyway is computed with floats.

# %%
volume = candles["volume"].sum()
returns = candles["close"].cast(pl.Float64).log().diff()
print(f"{candles.height} candles, volume {volume}, volatility of five minutes {returns.std():.5f}")

# %% [markdown]
# ## Indicators
# What an indicator needs before `from_` is read by the server as well.

# %%
computed = client.compute(KEY, ["ema", "rsi"], "5m", from_=starts, to=ends)
indicators = pl.DataFrame({"time": computed.time}).with_columns(
    pl.Series(f"{series.name}", values, dtype=pl.Float64)
    for series in computed.indicators
    for values in series.outputs.values()
)
indicators.join(candles.select("time", "close"), on="time").tail()

# %% [markdown]
# ## How complete is it?

# %%
for day in client.coverage(KEY, from_=starts.date(), to=ends.date()):
    print(
        f"{day.session_date}: {day.present} of {day.expected} minutes, {day.explained} explained, {day.missing} missing"
    )
for gap in client.gaps(KEY, from_=starts, to=ends, limit=3):
    print(f"  {gap.starts:%H:%M}Z to {gap.ends:%H:%M}Z: {gap.reason}")

# %%
client.close()
