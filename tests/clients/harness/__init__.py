# What the client tests stand on: installing clients, isolating them, a gateway to talk to, cases to count.
