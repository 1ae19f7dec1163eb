using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

/// <summary>32-bit lanes to 64-bit lanes, two vectors at a time: what every address is computed with.</summary>
internal static unsafe class WideLanes
{
    /// <summary>Vector <paramref name="index"/> of four of the lanes, continued by sign or zero.</summary>
    public static Vector512<ulong> Load(byte* lanes, int index, bool isSigned)
    {
        var half = Vector256.Load((uint*)lanes + 8 * index);
        if (isSigned)
        {
            var (low, high) = Vector256.Widen(half.AsInt32());
            return Vector512.Create(low.AsUInt64(), high.AsUInt64());
        }
        else
        {
            var (low, high) = Vector256.Widen(half);
            return Vector512.Create(low, high);
        }
    }
}

/// <summary>cvt to 64 bits from 32.</summary>
internal sealed unsafe class ExtendTo64(Slot d, Slot a, bool isSigned) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp);
        for (var i = 0; i < 4; i++) Lanes.Store(pd, i, WideLanes.Load(pa, i, isSigned), mask);
    }
}

/// <summary>mul.wide and mad.wide of 32 bits.</summary>
internal sealed unsafe class WideMultiply(Slot d, Slot a, Slot b, Slot c, bool isSigned, bool adds) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        for (var i = 0; i < 4; i++)
        {
            var product = WideLanes.Load(pa, i, isSigned) * WideLanes.Load(pb, i, isSigned);
            if (adds) product += Lanes.Load<ulong>(pc, i);
            Lanes.Store(pd, i, product, mask);
        }
    }
}

/// <summary>Shifts of all lanes by one constant below their width.</summary>
internal sealed unsafe class ConstantShift<T>(Slot d, Slot a, int by, bool isLeft, bool isArithmetic) : Step where T : unmanaged
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp);
        for (var i = 0; i < Lanes.Vectors<T>(); i++)
        {
            var x = Lanes.Load<T>(pa, i);
            Lanes.Store(pd, i, isLeft ? x << by : isArithmetic ? x >> by : x >>> by, mask);
        }
    }
}
