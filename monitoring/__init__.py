"""What is made from the code for who watches over it: Grafana's dashboards and the list of metrics."""
