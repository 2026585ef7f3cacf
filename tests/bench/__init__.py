"""`make bench`: the connector and other makers' SCIM servers under the same load, in turn, judged by CPU per right answer.

__main__.py takes the options and runs the rounds; servers.py starts the servers (peers.py those of others) and processes.py
reads what their processes used; users.py has the sample data; site.py is one server with what was loaded into it;
workloads.py says what is asked and what a right answer is; loader.py sends; report.py makes figures of it.
"""
