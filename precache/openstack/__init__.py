"""OpenStack clouds as an operator reaches them: one thin client over openstacksdk (extra `openstack`)."""
