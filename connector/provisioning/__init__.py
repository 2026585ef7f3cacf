"""Between the domain and the targets: what an agent's account should be, what must change, and changing it, level by level.

facts.py gathers, plan.py decides (pure), push.py carries out for one agent at one target, worker.py runs it all.
"""
