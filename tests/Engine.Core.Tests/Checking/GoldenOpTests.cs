using Edifice.Engine.Checking;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Tests.Checking;

/// <summary>Every golden op case whose op is in this library's table, in both dtypes.</summary>
public class GoldenOpTests
{
    public static TheoryData<string, DType> Cases()
    {
        var cases = new TheoryData<string, DType>();
        foreach (var name in RepositoryFiles.GoldenNames("op-"))
        {
            using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
            if (OpTable.Find(file.Op!) is null) continue;
            foreach (var dtype in new[] { DType.Float64, DType.Float32 })
                if (file.DType is null || file.DType == dtype) cases.Add(name, dtype);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_golden_op_case_agrees(string name, DType dtype)
    {
        using var file = GoldenFile.Open(RepositoryFiles.Golden(name));
        var verdict = GoldenRunner.RunOp(file, dtype);
        Assert.True(verdict.Agrees, verdict.Report);
    }
}
