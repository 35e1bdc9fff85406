"""Alerts for people: their content, their channels, and a record in the ledger.

Every channel is notified once. All is pure except the record. The Airflow part sends the alerts,
because it has the connections.
"""
