"""Joules of a piece of work, with an error bar, from the sensor that this machine has.

`choose.open` finds a sensor by reading it (`adapters/`), `sampler.Sampler` reads it in a thread
into a `record.Record`, `window.reading` turns two moments into a `Reading` (`integrate` for
power, `ticks` for counters, `uncertainty` for the error bar), `meter.Meter` is what a training
loop uses. All go by the `clock.Clock` they are given.
Standard library only; vendor modules are imported inside functions.
Volts, milliwatts and microjoules die at an adapter's return: inside are s, W, J, C.
"""
