"""Systems of traces, the forms in which they write spans, and how a search without a cursor is made whole."""
