namespace PtxEmulator;

/// <summary>A card that is a program: executes the PTX text it is given, on the host, and checks every access.</summary>
internal sealed partial class EmulatedDriver;
