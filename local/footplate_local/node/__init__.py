"""The embedded node: a kubelet and a small scheduler that run pods as processes of this machine."""
