"""Load on a server, over real sockets: ``python -m loadtest SCENARIO [options]``.

A scenario is one module: its options (``OpenOptions`` and its own), an async function from options
to an ``Outcome``, and a command. ``python -m loadtest`` lists them in ``__main__``. Every one ends
with one JSON line on standard output and exits with 1 if one of its checks failed.

::

    scenario (parent, trio)                     generators (processes, epoll)
    options -> serving() a Target               worker.py: a job is "module:function"
            -> drive(job, plans, watch=...)  -> job(link): link.plan, open sessions,
               starts them, waits for all       link.ready(), start_at = link.wait_for_start()
               one start for all             -> run the Loop; Recorder: one tick per second
            <- Driven: histograms, counts,   <- link.done(result)
               per second and in all
    Outcome(figures, checks, plots) -> one JSON line, a page (reporting/)

===================  ==========================================================================
module               what it offers to a scenario
===================  ==========================================================================
``options``          ``OpenOptions``: server, generators, seed, report, json; parsed from attrs
``serving``          ``serving(options)``: a server of our own, or the one at the address given
``driving``          ``drive(...)``: generators in processes, one start, ticks merged: ``Driven``
``worker``           ``Link`` to the parent, for the job in the generator's process
``recording``        ``Recorder``: histograms and counts of one second, reported and emptied
``histogram``        ``Histogram``: latencies in log-linear buckets; merged by adding
``sampling``         ``ServerWatch``: CPU, memory, disk bytes of a process, every second
``lean``             raw client: ``Loop``, ``Connection``, ``Session``; ``Stream``, ``Account``
``progress``         ``telling(options)``, ``seconds_shown``: for a person at a terminal
``durability``       ``lost_in_a_kill``: what was acknowledged, read back after ``kill -9``
``outcome``          ``Outcome``: figures, checks, targets; ``Plot``, ``Line``
``concluding``       ``conclude(scenario, options)``: runs, prints, writes the page, exits
===================  ==========================================================================

The load is open loop: what is sent has a due time, and latency counts from it, so that a late
answer does not hide what waited behind it. How late the generator itself was is a histogram of its
own (``late``). All times are of ``time.perf_counter``, one clock for all processes of a machine.
"""
