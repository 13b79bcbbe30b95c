package command

// CellWidth is the width to which tables cut long texts.
const CellWidth = 80
