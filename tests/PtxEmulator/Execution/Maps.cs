using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

/// <summary>An operation on whole vectors of lanes. It may compute anything in lanes that are off.</summary>
internal interface IMap1<T> where T : unmanaged
{
    static abstract Vector512<T> Invoke(Vector512<T> a);
}

/// <inheritdoc cref="IMap1{T}"/>
internal interface IMap2<T> where T : unmanaged
{
    static abstract Vector512<T> Invoke(Vector512<T> a, Vector512<T> b);
}

/// <inheritdoc cref="IMap1{T}"/>
internal interface IMap3<T> where T : unmanaged
{
    static abstract Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c);
}

internal sealed unsafe class Map1<T, TOp>(Slot d, Slot a) : Step where T : unmanaged where TOp : struct, IMap1<T>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp);
        for (var i = 0; i < Lanes.Vectors<T>(); i++) Lanes.Store(pd, i, TOp.Invoke(Lanes.Load<T>(pa, i)), mask);
    }
}

internal sealed unsafe class Map2<T, TOp>(Slot d, Slot a, Slot b) : Step where T : unmanaged where TOp : struct, IMap2<T>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp);
        for (var i = 0; i < Lanes.Vectors<T>(); i++) Lanes.Store(pd, i, TOp.Invoke(Lanes.Load<T>(pa, i), Lanes.Load<T>(pb, i)), mask);
    }
}

internal sealed unsafe class Map3<T, TOp>(Slot d, Slot a, Slot b, Slot c) : Step where T : unmanaged where TOp : struct, IMap3<T>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        for (var i = 0; i < Lanes.Vectors<T>(); i++)
        {
            Lanes.Store(pd, i, TOp.Invoke(Lanes.Load<T>(pa, i), Lanes.Load<T>(pb, i), Lanes.Load<T>(pc, i)), mask);
        }
    }
}

/// <summary>An operation on single lanes, where no vector instruction fits.</summary>
internal interface ILane1<TA, TR> where TA : unmanaged where TR : unmanaged
{
    static abstract TR Invoke(TA a);
}

/// <inheritdoc cref="ILane1{TA, TR}"/>
internal interface ILane2<TA, TB, TR> where TA : unmanaged where TB : unmanaged where TR : unmanaged
{
    static abstract TR Invoke(TA a, TB b);
}

/// <inheritdoc cref="ILane1{TA, TR}"/>
internal interface ILane3<TA, TB, TC, TR> where TA : unmanaged where TB : unmanaged where TC : unmanaged where TR : unmanaged
{
    static abstract TR Invoke(TA a, TB b, TC c);
}

internal sealed unsafe class Lane1<TA, TR, TOp>(Slot d, Slot a) : Step
    where TA : unmanaged where TR : unmanaged where TOp : struct, ILane1<TA, TR>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            Lanes.Write(pd, lane, TOp.Invoke(Lanes.Read<TA>(pa, lane)));
        }
    }
}

internal sealed unsafe class Lane2<TA, TB, TR, TOp>(Slot d, Slot a, Slot b) : Step
    where TA : unmanaged where TB : unmanaged where TR : unmanaged where TOp : struct, ILane2<TA, TB, TR>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            Lanes.Write(pd, lane, TOp.Invoke(Lanes.Read<TA>(pa, lane), Lanes.Read<TB>(pb, lane)));
        }
    }
}

internal sealed unsafe class Lane3<TA, TB, TC, TR, TOp>(Slot d, Slot a, Slot b, Slot c) : Step
    where TA : unmanaged where TB : unmanaged where TC : unmanaged where TR : unmanaged where TOp : struct, ILane3<TA, TB, TC, TR>
{
    public override void Execute(Warp warp, uint mask)
    {
        byte* pd = d.At(warp), pa = a.At(warp), pb = b.At(warp), pc = c.At(warp);
        while (mask != 0)
        {
            var lane = Lanes.Next(ref mask);
            Lanes.Write(pd, lane, TOp.Invoke(Lanes.Read<TA>(pa, lane), Lanes.Read<TB>(pb, lane), Lanes.Read<TC>(pc, lane)));
        }
    }
}
