"""The panel: what everybody who watches the fleet is told, as one stream of small messages."""

from nexapod.coordinator.panel.panel import Panel

__all__ = ["Panel"]
