"""The rules of identity. Nothing here touches the world except through `ports`."""
