using System.Runtime.CompilerServices;

namespace PtxEmulator.Execution;

/// <summary>Where 32 lanes of a value lie: in a warp's registers (an offset) or in the program's constants (an address).</summary>
internal readonly unsafe struct Slot
{
    private readonly nint _mask;
    private readonly nint _offset;

    private Slot(nint mask, nint offset)
    {
        _mask = mask;
        _offset = offset;
    }

    public static Slot Register(int offset) => new(-1, offset);

    public static Slot Constant(byte* lanes) => new(0, (nint)lanes);

    public bool IsConstant => _mask == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* At(Warp warp) => (byte*)(((nint)warp.Registers & _mask) + _offset);
}
