"""Writes the published contract: schemas and an AsyncAPI document, made from the records themselves."""
