"""A real small OpenStack: Keystone, Placement, Glance, and Nova with one nova-compute for each host.

Real are all services, their databases (PostgreSQL), RabbitMQ, tokens, policies and notifications. Scripted is what a
host does when it shall cache an image (`inside/scripted.py`); a stub stands for Neutron, which Nova asks for networks.

Standard library only, like all servers here. What lies in `inside/` runs in OpenStack's own virtual environment.
"""

from .node import Node

__all__ = ["Node"]
