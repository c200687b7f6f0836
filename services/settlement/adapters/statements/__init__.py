"""The tables that statements are read from: made from the journal, beside it, a moment later."""
