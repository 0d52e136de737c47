"""The whole system in virtual time, from a seed: our own code, and a hostile world around it.

::

    script      what people do and what breaks, generated from a seed; a failing one is a file
    world       one run: server, devices, script, the end; returns figures, faults and a trace hash
    ├── server      an app and its wire server, which crash and come back on the same disk
    ├── disk        what is durable; the store in front of it delays, fails and dies
    ├── links, ends connections of bytes: delayed, held, half closed, cut at any byte
    ├── device      a person's client: calls, followers, a live document
    └── judge       the invariants, looked at whenever anything is sent, received or stored
        └── history     what is permitted and what is to be seen, told from the journal alone
    shrink      a smaller script that fails in the same way
    mutations   deliberate bugs, each of which must be found
    model       random commands against a small independent model; no faults but restarts

One seed is one run: no threads, sockets, real time, or order of hashes.
"""
