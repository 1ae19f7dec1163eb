namespace PtxEmulator.Checks;

/// <summary>What a kernel did that it must not.</summary>
public enum FindingKind
{
    OutOfBounds,
    UseAfterFree,
    Misaligned,
    UninitializedMemory,
    UninitializedRegister,
    ReadOnlyMemory,
    RaceInWarp,
    RaceBetweenWarps,
    RaceBetweenBlocks,
    BarrierDivergence,
    WarpMask,
    NotUniform,
    MissingWait,
    TooManyThreads,
    SharedLimit,
    Parameters,
    EndlessLoop,
}

/// <summary>A defect of a kernel that showed when it ran: where (kernel, line of the PTX, block, thread), at which address and
/// in which memory. On a card it may corrupt, hang or pass unseen; here it always throws.</summary>
public sealed class KernelFinding(FindingKind kind, string message) : Exception(message)
{
    /// <summary>The rule that was broken.</summary>
    public FindingKind Kind { get; } = kind;

    /// <summary>Name of the .entry.</summary>
    public string Kernel { get; init; } = "";

    /// <summary>Line of the PTX text, 0 if none.</summary>
    public int Line { get; init; }
}
