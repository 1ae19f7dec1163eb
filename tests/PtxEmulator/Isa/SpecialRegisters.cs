namespace PtxEmulator.Isa;

/// <summary>The read-only registers a card provides. All are 32 bits wide but the clocks.</summary>
internal static class SpecialRegisters
{
    private static readonly HashSet<string> Names =
    [
        .. new[] { "%tid", "%ntid", "%ctaid", "%nctaid" }.SelectMany(n => new[] { n + ".x", n + ".y", n + ".z" }),
        "%laneid", "%warpid", "%nwarpid", "%lanemask_eq", "%lanemask_le", "%lanemask_lt", "%lanemask_ge", "%lanemask_gt",
        "%clock", "%clock64", "%smid", "%nsmid", "%gridid",
    ];

    public static bool Exists(string name) => Names.Contains(name);

    /// <summary>True for names a module cannot declare: %tid as well as %laneid.</summary>
    public static bool IsPredefined(string name) => Names.Contains(name) || Names.Contains(name + ".x") || name == "WARP_SZ";

    public static ScalarType Type(string name) => name is "%clock64" or "%gridid" ? ScalarType.U64 : ScalarType.U32;
}
