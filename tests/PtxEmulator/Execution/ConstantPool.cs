using System.Runtime.InteropServices;

namespace PtxEmulator.Execution;

/// <summary>Immediate operands, spread over 32 lanes once.</summary>
internal sealed unsafe class ConstantPool
{
    private readonly Dictionary<(ulong Bits, bool IsWide), nint> _known = [];

    public Slot Get(ulong bits, bool isWide)
    {
        if (!_known.TryGetValue((bits, isWide), out var lanes))
        {
            lanes = (nint)NativeMemory.AlignedAlloc(256, 64);
            for (var i = 0; i < 32; i++)
            {
                if (isWide) ((ulong*)lanes)[i] = bits;
                else ((uint*)lanes)[i] = (uint)bits;
            }

            _known[(bits, isWide)] = lanes;
        }

        return Slot.Constant((byte*)lanes);
    }

    ~ConstantPool()
    {
        foreach (var lanes in _known.Values) NativeMemory.AlignedFree((void*)lanes);
    }
}
