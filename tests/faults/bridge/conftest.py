from tests.integration.bridge.places import broker, kind, rig, undeclared

__all__ = ["broker", "kind", "rig", "undeclared"]
