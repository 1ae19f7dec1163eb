namespace Edifice.Engine.Tests.Ops;

/// <summary>Laws that hold for each of the 16-bit types.</summary>
internal static class NarrowCases
{
    /// <summary>Every name in bfloat16 and in float16.</summary>
    public static TheoryData<DType, string> Of(IEnumerable<string> names)
    {
        var rows = new TheoryData<DType, string>();
        foreach (var name in names)
        {
            rows.Add(DType.BFloat16, name);
            rows.Add(DType.Float16, name);
        }

        return rows;
    }
}
