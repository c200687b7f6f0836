"""The rules of social. Nothing here touches the world except through `ports`."""
