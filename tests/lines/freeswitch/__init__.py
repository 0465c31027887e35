"""A scripted FreeSWITCH: a real TCP server that speaks the event socket protocol and replays what a real one sent."""
