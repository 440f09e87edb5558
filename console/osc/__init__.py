"""The plugin of the OpenStackClient. `openstack` loads its modules at each start, so they import next to nothing."""
